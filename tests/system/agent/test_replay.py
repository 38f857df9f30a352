"""What a real kubelet told of the same pods, held beside what this agent tells.

The recordings say `*` for what differs from run to run.  Held: the last status before the pod is deleted, the last after,
the order of each container's states, and the types and reasons of the events.
"""

import asyncio
import json
import re
from pathlib import Path

import pytest

FACTS = Path(__file__).parents[2] / "facts/pods.jsonl"
RECORDED = [json.loads(line) for line in FACTS.read_text().splitlines()]
ON_A_NODE = [r for r in RECORDED if any(s["status"].get("containerStatuses") for s in r.get("stream", ()))]
TOLD_ELSEWHERE = {"Scheduled", "MissingClusterDNS"}
LONGEST = 60
"""Seconds: some wait for the whole grace of a process that hears no signal."""
HURRIED = "deadline"
"""Starts before the others come, since its time counts from the start."""
VARYING = {"podIP", "resources", "allocatedResources", "qosClass", "hostIP", "hostIPs", "podIPs"}
DROPPED = {"resources", "allocatedResources", "observedGeneration", "lastProbeTime", "imageID"}
TIMELESS = {"lastTransitionTime", "startedAt", "finishedAt", "startTime", "podIP", "containerID"}
LOOPING = {"onfailure", "always", "init-fails-always", "no-command"}
"""Ends in CrashLoopBackOff again and again."""
TIMED = LOOPING | {"poststart-fails"}
"""Whose count of restarts depends on when one looks."""


def plain(value, key=""):
    if key in TIMELESS:
        return "*" if value else value
    if isinstance(value, dict):
        return {k: plain(v, k) for k, v in value.items() if k not in DROPPED}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    return value


def compared(status):
    return {k: v for k, v in plain(status).items() if k not in VARYING}


def states(statuses, field, name):
    """The order of one container's states: (kind, reason, exit code), repetitions dropped."""
    found = []
    for status in statuses:
        for container in status.get(field, ()):
            if container["name"] == name:
                for kind, told in container["state"].items():
                    state = (kind, told.get("reason"), told.get("exitCode"))
                    if not found or found[-1] != state:
                        found.append(state)
    return found


def is_subsequence(short, long):
    rest = iter(long)
    return all(any(state == other for other in rest) for state in short)


def differences(want, have, path=""):
    if isinstance(want, dict) and isinstance(have, dict):
        return [d for k in want.keys() | have.keys() for d in differences(want.get(k), have.get(k), f"{path}.{k}")]
    if isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        return [d for n, pair in enumerate(zip(want, have, strict=True)) for d in differences(*pair, f"{path}[{n}]")]
    if want == have or (isinstance(want, str) and isinstance(have, str) and fits(want, have)):
        return []
    return [f"{path}: want {want}, have {have}"]


def fits(want, have):
    """Whether a text is the recorded one, whose stars stand for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in want.split("*")), have, re.DOTALL) is not None


async def replay(api, recorded):
    name = f"rec-{recorded['name']}"
    spec = recorded["spec"]
    before = [s["status"] for s in recorded["stream"] if not s["deleting"]][-1]
    api.add_pod(name, spec, "rec-pods")
    goal = compared(before)
    reached = True
    try:
        await api.seen(
            name,
            lambda pod: settled(pod["status"], goal, recorded["name"]) and is_explained(recorded, api.events),
            LONGEST,
            "rec-pods",
        )
    except TimeoutError:
        reached = False
    last = api.streams[name][-1]
    api.delete_pod(name, 0 if recorded["name"] not in ("delete-trap", "delete-clean") else None, "rec-pods")
    await api.seen(name, lambda pod: pod is None, 60, "rec-pods")
    return problems(recorded, api.streams[name], None if reached else (goal, compared(last)))


def settled(status, goal, name):
    if name in LOOPING:
        field = "initContainerStatuses" if name.startswith("init") else "containerStatuses"
        waiting = status.get(field, [{}])[0].get("state", {}).get("waiting", {})
        return waiting.get("reason") == "CrashLoopBackOff"
    return not differences(goal, compared(status))


def problems(recorded, stream, unreached):
    found = []
    if unreached:
        found.append(("goal", *unreached))
    final, want = compared(stream[-1]), compared(recorded["stream"][-1]["status"])
    if recorded["name"] not in TIMED and differences(want, final):
        found.append(("final", want, final))
    theirs = [s["status"] for s in recorded["stream"]]
    for field in ("containerStatuses", "initContainerStatuses"):
        for container in stream[-1].get(field, ()):
            ours = states(stream, field, container["name"])
            recorded_states = states(theirs, field, container["name"])
            if not is_subsequence(ours, recorded_states) and not is_subsequence(recorded_states, ours):
                found.append(("order", recorded_states, ours))
    return found


def begun(status):
    return any("waiting" not in container["state"] for container in status.get("containerStatuses", ()))


def is_explained(recorded, events):
    """Whether all was told that a client reads before the pod is deleted."""
    missing, _ = told_by_one_only(recorded, events)
    return all(reason == "Killing" for _, reason in missing)


def told_by_one_only(recorded, events):
    """(theirs, ours): types and reasons that the other did not tell."""
    name = f"rec-{recorded['name']}"
    theirs = {(e["type"], e["reason"]) for e in recorded["events"] if e["reason"] not in TOLD_ELSEWHERE}
    ours = {(e["type"], e["reason"]) for e in events if e["involvedObject"]["name"] == name}
    return theirs - ours, ours - theirs


def unlike_events(recorded, events):
    theirs, ours = told_by_one_only(recorded, events)
    return [("events", sorted(theirs), sorted(ours))] if theirs or ours else []


@pytest.mark.timeout(150)
async def test_what_the_kubelet_told_is_what_we_tell(agent, api):
    async with asyncio.TaskGroup() as group:
        replays = {}
        for recorded in sorted(ON_A_NODE, key=lambda recorded: recorded["name"] != HURRIED):
            replays[recorded["name"]] = group.create_task(replay(api, recorded))
            if recorded["name"] == HURRIED:
                await api.seen(f"rec-{HURRIED}", lambda pod: pod and begun(pod["status"]), LONGEST, "rec-pods")
    wrong = {}
    for recorded in ON_A_NODE:
        found = [*replays[recorded["name"]].result(), *unlike_events(recorded, api.events)]
        if found:
            wrong[recorded["name"]] = found
    for name, found in wrong.items():
        for kind, want, have in found:
            print("=====", name, kind, *differences(want, have), sep="\n  ")
    assert not wrong
