"""Resources that change while a container runs."""

from dataclasses import replace

import pytest

from agent.pods import steps
from agent.pods.observed import Attempt, Observed, Trouble
from agent.pods.planning import plan
from agent.pods.reporting import patch_body
from agent.pods.resizing import Standing, held, resize_event, resources_text, standing
from agent.pods.statuses import Place, status
from agent.runtime.words import ContainerState, Sandbox

NOW = 1000.0
ROOM = {"cpu": "2", "memory": "1Gi"}
HERE = Sandbox("s0", "p", "n", "u", 0, True, 0.0, ips=("10.0.0.1",))


def pod(cpu, *rules):
    policy = [{"resourceName": name, "restartPolicy": "RestartContainer"} for name in rules]
    container = {"name": "c", "image": "i", "resizePolicy": policy, "resources": {"requests": {"cpu": cpu}}}
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": [container]}, "status": {}}


def seen(cpu, given=None, trouble=None):
    has = resources_text({"resources": {"requests": {"cpu": cpu}}})
    running = Attempt("c-0", "c", 0, "s0", ContainerState.RUNNING, "i", spec_hash="i", resources=has, started_at=990.0)
    since = {"c-0": resources_text({"resources": {"requests": {"cpu": given}}})} if given else {}
    return Observed(
        sandboxes=(HERE,), attempts={"c": (running,)}, prepared=True, given=since, resize_held=trouble, started_at=1.0
    )


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        pytest.param(pod("1"), seen("1000m"), [], id="the same amount"),
        pytest.param(pod("1"), seen("500m"), [steps.Resize("c-0", "c")], id="in place"),
        pytest.param(pod("1"), seen("500m", given="1"), [], id="done"),
        pytest.param(
            pod("1", "cpu"),
            seen("500m"),
            [steps.Stop("c-0", "c", 30, "Container c resize requires restart")],
            id="made anew",
        ),
        pytest.param(pod("1", "memory"), seen("500m"), [steps.Resize("c-0", "c")], id="only another needs that"),
        pytest.param(pod("1"), seen("500m", trouble=Trouble("Deferred", "no room")), [], id="not now"),
        pytest.param(
            pod("1"), seen("500m", trouble=Trouble("Error", "busy", NOW + 5)), [steps.Wait(NOW + 5)], id="tried again"
        ),
        pytest.param(
            pod("1"), seen("500m", trouble=Trouble("Error", "busy", NOW)), [steps.Resize("c-0", "c")], id="its time"
        ),
    ],
)
def test_the_plan_of_a_resize(wanted, found, expected):
    assert plan(wanted, found, NOW) == expected


def test_a_container_of_an_older_agent_is_left_alone():
    found = seen("500m")
    older = replace(found.attempts["c"][0], resources="")
    assert plan(pod("1"), replace(found, attempts={"c": (older,)}), NOW) == []


@pytest.mark.parametrize(
    ("cpu", "others", "reason"),
    [("1", [], None), ("3", [], "Infeasible"), ("1500m", [pod("600m")], "Deferred"), ("1500m", [pod("500m")], None)],
)
def test_what_the_node_takes(cpu, others, reason):
    found = held(pod(cpu), ROOM, others)
    assert (found and found.reason) == reason


def told(wanted, found):
    whole = status(wanted, found, Place(), NOW)
    passing = {c["type"]: (c["status"], c["reason"]) for c in whole["conditions"] if "Resize" in c["type"]}
    (container,) = whole["containerStatuses"]
    return passing, container["allocatedResources"]["cpu"], container["resources"]["requests"]["cpu"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(seen("500m"), ({"PodResizeInProgress": ("True", None)}, "1", "500m"), id="under way"),
        pytest.param(
            seen("500m", trouble=Trouble("Infeasible", "no")),
            ({"PodResizePending": ("True", "Infeasible")}, "500m", "500m"),
            id="held",
        ),
        pytest.param(seen("500m", given="1"), ({}, "1", "1"), id="done"),
    ],
)
def test_what_the_status_tells(found, expected):
    assert told(pod("1"), found) == expected


def test_a_condition_that_passed_is_removed():
    body = patch_body({"conditions": [{"type": "Ready"}]}, {"PodResizePending"})
    assert body["conditions"][1:] == [{"$patch": "delete", "type": "PodResizePending"}]


BEGUN, HELD = Standing("Started"), Standing("Deferred", "no room")
ENDED = replace(seen("500m").attempts["c"][0], state=ContainerState.EXITED)


@pytest.mark.parametrize(
    ("before", "found", "now"),
    [
        pytest.param(Standing(), seen("1"), Standing(), id="nothing to do"),
        pytest.param(Standing(), seen("500m"), BEGUN, id="begun"),
        pytest.param(BEGUN, replace(seen("500m"), attempts={"c": (ENDED,)}), BEGUN, id="being made anew"),
        pytest.param(BEGUN, seen("1"), Standing(), id="over"),
        pytest.param(
            BEGUN, seen("500m", trouble=Trouble("Error", "busy", 1.0)), Standing("Error", "busy"), id="failed"
        ),
        pytest.param(Standing(), seen("500m", trouble=Trouble("Deferred", "no room")), HELD, id="held"),
        pytest.param(HELD, seen("1"), Standing(), id="taken back"),
    ],
)
def test_where_a_resize_stands(before, found, now):
    assert standing(before, pod("1"), found) == now


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (Standing(), BEGUN, ("Normal", "ResizeStarted", "Pod resize started: ")),
        (BEGUN, Standing(), ("Normal", "ResizeCompleted", "Pod resize completed: ")),
        (Standing(), HELD, ("Warning", "ResizeDeferred", "Pod resize Deferred: ")),
        (BEGUN, Standing("Error", "busy"), ("Warning", "ResizeError", "Pod resize error: ")),
        (BEGUN, BEGUN, None),
        (HELD, Standing(), None),
    ],
)
def test_the_event_of_a_resize(before, now, expected):
    found = resize_event(before, now, pod("1"))
    error = f',"error":"{now.why}"' if now.why else ""
    summary = '{"containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}],"generation":0' + error + "}"
    assert found == (expected and (*expected[:2], expected[2] + summary))
