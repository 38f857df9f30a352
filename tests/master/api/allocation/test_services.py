"""Addresses and ports of Services, as kube-apiserver gave them."""

import copy

import pytest

from kube.errors import ApiError
from master.api.allocation.pools import FullError, Pool, band
from master.api.allocation.services import ServiceAllocation
from master.api.contract import Attributes, UserInfo
from master.api.defaults import apply_defaults
from master.api.rows import SERVICE
from master.api.validation import validate_update

RANGES = ("10.96.0.0/16", "30000-32767")


@pytest.fixture
def allocation(reader):
    allocation = ServiceAllocation(*RANGES)
    allocation.watch(reader)
    return allocation


async def write(allocation, reader, obj, old=None, dry_run=False):
    new = copy.deepcopy(obj)
    apply_defaults(SERVICE, new)
    operation = "UPDATE" if old else "CREATE"
    meta = new["metadata"]
    meta.setdefault("namespace", "svc")
    attributes = Attributes(operation, SERVICE, "", "svc", meta["name"], new, old, UserInfo("ann"), dry_run)
    await allocation.mutate(attributes)
    if not dry_run:
        reader.put(new)
    return new


def service(name="s", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]} | spec}


def merged(old, patch):
    new = copy.deepcopy(old)
    for field, value in patch["spec"].items():
        new["spec"].pop(field, None)
        if value is not None:
            new["spec"][field] = value
    return new


NOT_OURS = {"malformed", "two ports unnamed", "same port twice"}


async def test_the_recorded_sequence(allocation, reader, facts):
    """Every create and patch of a Service, in order; what validation alone refuses is left to it."""
    for row in facts("services"):
        if "/services" not in row["path"] or row["name"] in NOT_OURS or row["method"] not in ("POST", "PATCH"):
            continue
        name, answer = row["path"].rpartition("/")[2], row["answer"]
        if row["path"].endswith("/status"):
            continue
        old = reader.get(SERVICE, "svc", name) if row["method"] == "PATCH" else None
        body = merged(old, row["body"]) if old else row["body"]
        try:
            new = await write(allocation, reader, body, old, dry_run=row["status"] >= 400)
        except ApiError as error:
            assert (error.message, error.to_status()["details"]) == (answer["message"], answer["details"]), row["name"]
            continue
        if row["status"] >= 400:
            causes = [cause.to_json() for cause in validate_update(SERVICE, new, old)]
            assert causes == answer["details"]["causes"], row["name"]
            continue
        assert masked(new["spec"], answer["spec"]) == answer["spec"], row["name"]


def masked(found, wanted):
    """What was recorded as `*` was there and is here."""
    if wanted == "*":
        assert found
        return "*"
    if isinstance(wanted, dict):
        return {key: masked(value, wanted.get(key)) for key, value in found.items()}
    if isinstance(wanted, list):
        return [masked(one, other) for one, other in zip(found, wanted, strict=True)]
    return found


async def test_an_address_comes_from_above_the_band_of_chosen_ones(allocation, reader):
    for number in range(20):
        new = await write(allocation, reader, service(f"s{number}"))
        assert tuple(map(int, new["spec"]["clusterIP"].split("."))) >= (10, 96, 1, 1)


async def test_a_deleted_services_numbers_are_free_again(allocation, reader):
    chosen = service(clusterIP="10.96.7.7", type="NodePort", ports=[{"port": 80, "nodePort": 30777}])
    stored = await write(allocation, reader, chosen)
    with pytest.raises(ApiError):
        await write(allocation, reader, chosen | {"metadata": {"name": "t"}})
    reader.drop(stored)
    await write(allocation, reader, chosen | {"metadata": {"name": "t"}})


async def test_two_protocols_of_a_port_share_a_node_port(allocation, reader):
    ports = [{"name": "t", "port": 53}, {"name": "u", "port": 53, "protocol": "UDP"}, {"name": "x", "port": 54}]
    new = await write(allocation, reader, service(type="NodePort", ports=ports))
    first, second, third = (port["nodePort"] for port in new["spec"]["ports"])
    assert first == second != third


async def test_an_update_that_does_not_mention_numbers_keeps_them(allocation, reader):
    old = await write(allocation, reader, service(type="LoadBalancer", externalTrafficPolicy="Local"))
    new = await write(allocation, reader, service(type="LoadBalancer", externalTrafficPolicy="Local"), old)
    assert new["spec"] == old["spec"]


@pytest.mark.parametrize(
    ("spec", "families", "policy"),
    [
        ({"clusterIP": "None", "selector": {"a": "b"}}, ["IPv4"], "SingleStack"),
        ({"clusterIP": "None"}, ["IPv4", "IPv6"], "RequireDualStack"),
        ({"type": "ExternalName", "externalName": "a.example.com"}, None, None),
    ],
)
async def test_families_without_an_address(allocation, reader, spec, families, policy):
    new = await write(allocation, reader, service(**spec))
    assert (new["spec"].get("ipFamilies"), new["spec"].get("ipFamilyPolicy")) == (families, policy)
    assert new["spec"].get("clusterIPs") == ([spec["clusterIP"]] if "clusterIP" in spec else None)


async def test_a_start_learns_what_is_given(reader):
    first = ServiceAllocation(*RANGES)
    await write(first, reader, service(clusterIP="10.96.7.7"))
    second = ServiceAllocation(*RANGES)
    second.load(reader)
    with pytest.raises(ApiError, match="already allocated"):
        await write(second, reader, service("t", clusterIP="10.96.7.7"))


def test_a_number_of_a_failed_write_comes_back_after_a_while():
    now = [0.0]
    pool = Pool(1, 1, 0, lambda: now[0])
    assert pool.next() == 1
    with pytest.raises(FullError):
        pool.next()
    now[0] = 31
    assert pool.next() == 1


def test_the_low_band_is_used_when_all_else_is_taken():
    pool = Pool(1, 3, 2, lambda: 0.0)
    assert [pool.next(), {pool.next(), pool.next()}] == [3, {1, 2}]


@pytest.mark.parametrize(("size", "width"), [(65534, 256), (254, 16), (1022, 63), (6, 0)])
def test_the_band_of_addresses(size, width):
    assert band(size, 16, 256) == width
