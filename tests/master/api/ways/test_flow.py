"""Flow limits: which level a request has, whose turn it is, and what a flood is told."""

import asyncio

import pytest

from kube.errors import ApiError
from master.api import default_objects
from master.api.contract import RequestInfo, UserInfo
from master.api.flow import schemas
from master.api.flow.turns import WAITING, Turns

DEFAULTS = default_objects.read()
SCHEMAS = schemas.in_order(one for one in DEFAULTS if one["kind"] == "FlowSchema")
LEVELS = [one for one in DEFAULTS if one["kind"] == "PriorityLevelConfiguration"]
AUTHENTICATED = "system:authenticated"
ADMIN = UserInfo("admin", ("system:masters", AUTHENTICATED))
NODE = UserInfo("system:node:n", ("system:nodes", AUTHENTICATED))
SCHEDULER = UserInfo("system:kube-scheduler", (AUTHENTICATED,))
ACCOUNT = UserInfo("system:serviceaccount:n:a", ("system:serviceaccounts", AUTHENTICATED))
SYSTEM = UserInfo("system:serviceaccount:kube-system:a", ("system:serviceaccounts", AUTHENTICATED))
PERSON, OTHER = UserInfo("jane", (AUTHENTICATED,)), UserInfo("joe", (AUTHENTICATED,))


def on(verb, resource, namespace="n", group="", subresource=""):
    return RequestInfo(
        verb, "", True, group=group, version="v1", resource=resource, subresource=subresource, namespace=namespace
    )


PODS = on("get", "pods")
LEASE = on("update", "leases", group="coordination.k8s.io")


@pytest.mark.parametrize(
    ("user", "info", "schema"),
    [
        (ADMIN, PODS, "exempt"),
        (PERSON, RequestInfo("get", "/healthz"), "probes"),
        (PERSON, RequestInfo("get", "/apis"), "global-default"),
        (NODE, LEASE, "system-node-high"),
        (NODE, on("patch", "nodes", "", subresource="status"), "system-node-high"),
        (NODE, PODS, "system-nodes"),
        (SCHEDULER, LEASE, "system-leader-election"),
        (SCHEDULER, PODS, "kube-scheduler"),
        (SYSTEM, PODS, "kube-system-service-accounts"),
        (ACCOUNT, PODS, "service-accounts"),
        (PERSON, PODS, "global-default"),
    ],
)
def test_the_schema_of_a_request(user, info, schema):
    assert schemas.find(SCHEMAS, user, info)["metadata"]["name"] == schema


class Clock:
    def __init__(self):
        self.slept = []

    async def sleep(self, seconds):
        self.slept.append(seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def turns(clock):
    made = Turns(clock.sleep)
    made.configure(SCHEMAS, LEVELS)
    return made


async def refusal(waiting):
    with pytest.raises(ApiError) as caught:
        await waiting
    return caught.value


async def test_the_quiet_way_waits_for_nothing(turns):
    for user in (ADMIN, NODE, SCHEDULER, ACCOUNT, PERSON):
        assert turns.enter(user, PODS) is None


async def test_masters_are_exempt(turns):
    assert all(turns.enter(ADMIN, PODS) is None for _ in range(1000))


async def test_a_flood_waits_and_is_refused_while_nodes_go_on(turns, clock):
    entered = [turns.enter(PERSON, PODS) for _ in range(300)]
    passed = [one for one in entered if one is None]
    waiting = [one for one in entered if isinstance(one, asyncio.Future)]
    refused = [one for one in entered if asyncio.iscoroutine(one)]
    assert len(passed) == 10 and len(waiting) == WAITING and len(refused) == 300 - 10 - WAITING
    assert turns.enter(NODE, LEASE) is None and turns.enter(SCHEDULER, PODS) is None
    errors = [await refusal(one) for one in refused]
    assert {(e.status, e.details["retryAfterSeconds"]) for e in errors} == {(429, 1)}
    assert set(clock.slept) == {1}, "a refusal is held back"
    await asyncio.gather(*waiting)


async def test_flows_of_a_level_take_turns(turns):
    order = []

    async def request(user):
        waiting = turns.enter(user, PODS)
        if waiting is not None:
            await waiting
        order.append(user.name)

    many = [asyncio.ensure_future(request(PERSON)) for _ in range(100)]
    await asyncio.sleep(0)
    one = asyncio.ensure_future(request(OTHER))
    await asyncio.gather(*many, one)
    assert order.index("joe") < 30, "one request of another does not wait for a hundred"


async def test_a_list_costs_more(turns):
    passed = [turns.enter(PERSON, on("list", "pods")) for _ in range(10)]
    assert passed.count(None) == 2
    await asyncio.gather(*(one for one in passed if one is not None))


async def test_a_client_that_has_gone_takes_no_turn(turns):
    waiting = [one for one in (turns.enter(PERSON, PODS) for _ in range(60)) if one is not None]
    for one in waiting[:-1]:
        one.cancel()
    await asyncio.wait_for(waiting[-1], 5)


async def test_what_waits_goes_on_when_its_level_is_gone(turns):
    waiting = [one for one in (turns.enter(PERSON, PODS) for _ in range(60)) if one is not None]
    turns.configure([], [])
    await asyncio.gather(*waiting)
    assert turns.enter(PERSON, PODS) is None
