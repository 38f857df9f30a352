"""The plan of a pod: from what is seen to steps, and from any state to rest."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pods import steps
from agent.pods.machine import NEXT, Happening, IllegalHappening, Stage, advance
from agent.pods.observed import Attempt, Observed, Trouble, Verdict
from agent.pods.planning import happenings, plan
from agent.pods.restarts import BackOff, after
from agent.runtime.words import ContainerState, Sandbox

NOW = 1000.0
HERE = Sandbox("s0", "p", "n", "u", 0, True, 0.0, ips=("10.0.0.1",))
DEAD = replace(HERE, id="s-dead", ready=False)


def pod(*, inits=(), mains=("c",), policy="Always", deleted=False, **spec):
    meta = {"name": "p", "namespace": "n", "uid": "u"} | ({"deletionTimestamp": "then"} if deleted else {})
    containers = [{"name": name, "image": "i"} for name in mains]
    return {
        "metadata": meta,
        "spec": {"containers": containers, "initContainers": list(inits), "restartPolicy": policy} | spec,
    }


def init(name, sidecar=False):
    return {"name": name, "image": "i"} | ({"restartPolicy": "Always"} if sidecar else {})


def ran(name="c", attempt=0, exit_code=None, sandbox="s0", state=None):
    chosen = state or (ContainerState.RUNNING if exit_code is None else ContainerState.EXITED)
    return Attempt(f"{name}-{attempt}", name, attempt, sandbox, chosen, "i", spec_hash="i", started_at=990.0,
                   ended_at=0.0 if exit_code is None else 995.0, exit_code=exit_code or 0)  # fmt: skip


def seen(*attempts, sandboxes=(HERE,), **more):
    by_name = {}
    for attempt in sorted(attempts, key=lambda attempt: -attempt.attempt):
        by_name.setdefault(attempt.name, []).append(attempt)
    return Observed(sandboxes=sandboxes, attempts={n: tuple(a) for n, a in by_name.items()}, prepared=True, **more)


RULES = [
    {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}},
    {"action": "Restart", "exitCodes": {"operator": "NotIn", "values": [0, 1, 2, 42]}},
]
START = steps.Start("c", 0, "s0")
AGAIN = steps.Start("c", 1, "s0", 995.0)


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        pytest.param(pod(), Observed(), [steps.Prepare()], id="first its volumes"),
        pytest.param(pod(), seen(sandboxes=()), [steps.StartSandbox(0)], id="then a sandbox"),
        pytest.param(pod(), seen(sandboxes=(DEAD,)), [steps.StartSandbox(1)], id="a new sandbox for a dead one"),
        pytest.param(pod(), seen(), [START], id="then its container"),
        pytest.param(pod(), seen(ran()), [], id="what runs is left alone"),
        pytest.param(pod(), seen(ran(exit_code=0)), [AGAIN], id="Always: at once the first time"),
        pytest.param(pod(policy="OnFailure"), seen(ran(exit_code=1)), [AGAIN], id="OnFailure: it failed"),
        pytest.param(pod(policy="OnFailure"), seen(ran(exit_code=0)), [], id="OnFailure: it did not"),
        pytest.param(pod(policy="Never"), seen(ran(exit_code=1)), [], id="Never"),
        pytest.param(
            pod(),
            seen(ran(state=ContainerState.CREATED)),
            [steps.Forget("c-0", "c", 0), START],
            id="made but never started is made again",
        ),
        pytest.param(
            pod(),
            seen(ran(), verdicts={"c-0": Verdict(doom="it is ill", doom_grace=3)}),
            [steps.Stop("c-0", "c", 3, "it is ill")],
            id="a doomed container is stopped",
        ),
        pytest.param(
            pod(),
            seen(replace(ran(), spec_hash="old")),
            [steps.Stop("c-0", "c", 30, "Container c definition changed, will be restarted")],
            id="another image",
        ),
        pytest.param(
            pod(),
            seen(troubles={"c": Trouble("ErrImagePull", "no", NOW + 5)}),
            [steps.Wait(NOW + 5)],
            id="trouble is waited for",
        ),
        pytest.param(
            pod(),
            seen(ran(attempt=3), ran(attempt=2, exit_code=1), ran(attempt=1, exit_code=1)),
            [steps.Forget("c-1", "c", 1)],
            id="the present and the last attempt are kept",
        ),
        pytest.param(
            pod(inits=[init("a"), init("b")]), seen(), [steps.Start("a", 0, "s0")], id="init containers in order"
        ),
        pytest.param(
            pod(inits=[init("a"), init("b")]),
            seen(ran("a", exit_code=0)),
            [steps.Start("b", 0, "s0")],
            id="the next init container",
        ),
        pytest.param(
            pod(inits=[init("a")]),
            seen(ran("a", exit_code=1)),
            [steps.Start("a", 1, "s0", 995.0)],
            id="a failed init container again",
        ),
        pytest.param(pod(inits=[init("a")]), seen(ran("a")), [], id="an init container runs"),
        pytest.param(pod(inits=[init("a", sidecar=True)]), seen(ran("a")), [START], id="a sidecar that runs lets on"),
        pytest.param(
            pod(inits=[init("a", sidecar=True)]),
            seen(ran("a"), verdicts={"a-0": Verdict(started=False)}),
            [],
            id="a sidecar must have started",
        ),
        pytest.param(pod(inits=[init("a")]), seen(ran()), [], id="initialization is over for good"),
    ],
)
def test_active(wanted, found, expected):
    assert plan(wanted, found, NOW) == expected


def test_a_container_that_fails_again_waits_and_says_so():
    found = seen(ran(exit_code=1), backoffs={"c": BackOff(10.0, 900.0)})
    (hold,) = plan(pod(), found, NOW)
    assert (hold.reason, hold.until) == ("CrashLoopBackOff", 1005.0)
    assert hold.message == "back-off 10s restarting failed container=c pod=p_n(u)"
    assert plan(pod(), found, 1005.0) == [AGAIN]


def test_back_off_doubles_and_is_forgiven():
    delays, backoff = [], None
    for end in range(7):
        backoff = after(backoff, float(end))
        delays.append(backoff.delay)
    assert delays == [10, 20, 40, 80, 160, 300, 300]
    assert after(backoff, 7000.0).delay == 10
    assert backoff.due(7000.0) == 7000.0


ENDING = {"stage": Stage.ENDING}


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        pytest.param(
            pod(), seen(ran(), **ENDING), [steps.Stop("c-0", "c", 30, "Stopping container c")], id="containers"
        ),
        pytest.param(
            pod(inits=[init("a", True), init("b", True)]),
            seen(ran("a"), ran("b"), **ENDING),
            [steps.Stop("b-0", "b", 30, "Stopping container b")],
            id="sidecars after them, the last first",
        ),
        pytest.param(pod(), seen(ran(exit_code=0), **ENDING), [steps.StopSandbox("s0")], id="then the sandbox"),
        pytest.param(pod(), seen(sandboxes=(DEAD,), **ENDING), [], id="nothing runs"),
    ],
)
def test_ending(wanted, found, expected):
    assert plan(wanted, found, NOW) == expected


def test_a_finished_pod_keeps_its_containers_until_it_is_deleted():
    found = replace(seen(ran(exit_code=0), sandboxes=(DEAD,), stage=Stage.ENDED), prepared=False)
    assert plan(pod(), found, NOW) == []
    assert plan(pod(deleted=True), found, NOW) == [
        steps.Forget("c-0", "c", 0),
        steps.RemoveSandbox("s-dead"),
        steps.Complete(),
    ]


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [
        pytest.param(pod(), seen(ran()), [], id="it runs"),
        pytest.param(pod(deleted=True), seen(ran()), [Happening.DELETED], id="deleted"),
        pytest.param(pod(policy="Never"), seen(ran(exit_code=1)), [Happening.FINISHED], id="done"),
        pytest.param(pod(policy="Never", mains=("c", "d")), seen(ran(exit_code=1), ran("d")), [], id="half done"),
        pytest.param(
            pod(policy="Never", inits=[init("a")]), seen(ran("a", exit_code=2)), [Happening.FINISHED], id="init failed"
        ),
        pytest.param(pod(activeDeadlineSeconds=5), seen(ran(), active_since=994.0), [Happening.FAILED], id="too long"),
        pytest.param(pod(activeDeadlineSeconds=9), seen(ran(), active_since=994.0), [], id="not yet"),
        pytest.param(pod(), seen(ran(), **ENDING), [], id="still ending"),
        pytest.param(pod(), seen(sandboxes=(DEAD,), **ENDING), [Happening.STOPPED], id="ended"),
    ],
)
def test_happenings(wanted, found, expected):
    assert happenings(wanted, found, NOW) == expected


def test_what_the_table_lacks_is_illegal():
    for stage in Stage:
        for happening in Happening:
            if (stage, happening) not in NEXT:
                with pytest.raises(IllegalHappening):
                    advance(stage, happening)


# From any state to rest


@st.composite
def worlds(draw):
    names = draw(st.sampled_from([("c",), ("c", "d")]))
    inits = draw(st.sampled_from([(), (init("a"),), (init("a"), init("s", True))]))
    policy = draw(st.sampled_from(["Always", "OnFailure", "Never"]))
    own = draw(
        st.sampled_from([{}, {"restartPolicy": "Never"}, {"restartPolicy": "Never", "restartPolicyRules": RULES}])
    )
    attempts = []
    for name in [*names, *(i["name"] for i in inits)]:
        for number in range(draw(st.integers(0, 3))):
            attempts.append(
                ran(
                    name,
                    number,
                    exit_code=draw(st.sampled_from([None, 0, 1])),
                    sandbox=draw(st.sampled_from(["s0", "s-dead"])),
                )
            )
    sandboxes = draw(st.sampled_from([(), (HERE,), (DEAD,), (HERE, DEAD)]))
    wanted = pod(mains=names, inits=inits, policy=policy, deleted=draw(st.booleans()))
    wanted["spec"]["containers"][0] |= own
    return wanted, seen(*attempts, sandboxes=sandboxes)


def ended(attempt):
    return replace(attempt, state=ContainerState.EXITED, exit_code=137)


def apply(found, step):
    """The world after a step: init containers succeed, others run."""
    attempts = {name: list(known) for name, known in found.attempts.items()}
    match step:
        case steps.StartSandbox(attempt=number):
            fresh = replace(HERE, id=f"s{number}-{len(found.sandboxes)}", attempt=number)
            return replace(found, sandboxes=(fresh, *found.sandboxes))
        case steps.StopSandbox(id=which):
            return replace(
                found, sandboxes=tuple(replace(s, ready=False) if s.id == which else s for s in found.sandboxes)
            )
        case steps.RemoveSandbox(id=which):
            return replace(found, sandboxes=tuple(s for s in found.sandboxes if s.id != which))
        case steps.Start(name=name, attempt=number, sandbox_id=where):
            known = attempts.setdefault(name, [])
            assert all(not other.running for other in known), "a container is never started twice"
            known.insert(0, ran(name, number, exit_code=0 if name == "a" else None, sandbox=where))
        case steps.Stop(id=which):
            attempts = {name: [ended(a) if a.id == which else a for a in known] for name, known in attempts.items()}
        case steps.Forget(id=which):
            attempts = {n: [a for a in known if a.id != which] for n, known in attempts.items()}
        case steps.Release():
            return replace(found, prepared=False)
        case steps.Complete():
            return replace(found, stage=Stage.GONE)
    return replace(found, attempts={n: tuple(a) for n, a in attempts.items() if a})


def untouchable(found):
    """The newest attempts that run in the living sandbox of a pod that is to run."""
    if found.stage is not Stage.ACTIVE or found.sandbox is None:
        return set()
    newest = (attempts[0] for attempts in found.attempts.values())
    return {attempt.id for attempt in newest if attempt.running and attempt.sandbox_id == found.sandbox.id}


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_from_any_state_it_comes_to_rest(world):
    wanted, found = world
    for _ in range(40):
        happened = happenings(wanted, found, NOW)
        for happening in happened:
            found = replace(found, stage=advance(found.stage, happening))
        todo = [step for step in plan(wanted, found, NOW) if not isinstance(step, steps.Wait | steps.Hold)]
        if not todo and not happened:
            break
        for step in todo:
            right = untouchable(found)
            assert not (isinstance(step, steps.Stop) and step.id in right), "what is right is never ended"
            found = apply(found, step)
    assert plan(wanted, found, NOW) == []
    assert len({attempt.name for attempt in found.running()}) == len(found.running())
    if wanted["metadata"].get("deletionTimestamp"):
        assert found.stage is Stage.GONE and not found.running() and not found.sandboxes


@pytest.mark.parametrize(("exit_code", "again"), [(42, True), (7, True), (1, False), (0, False)])
def test_a_rule_for_an_exit_code_goes_before_the_policy(exit_code, again):
    wanted = pod(policy="Never")
    wanted["spec"]["containers"][0]["restartPolicyRules"] = RULES
    found = seen(ran(exit_code=exit_code))
    assert plan(wanted, found, NOW) == ([AGAIN] if again else [])
    assert happenings(wanted, found, NOW) == ([] if again else [Happening.FINISHED])
