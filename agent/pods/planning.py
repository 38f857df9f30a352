"""The pure plan: a pod as it should be and as it is seen become steps.

Contract: `plan` has no effect and no memory; asked again after its steps were applied it comes closer to an empty plan, and
what is right is never touched.  `happenings` tells which transitions of `machine` the present justifies.

How init containers work: in order, each to its success, before any container starts; a sidecar (an init container with
restartPolicy Always) need only have started.  Once a container of the pod has run in this sandbox, initialization is over
for good, so that removed init containers are not run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agent.pods.machine import Happening, Stage
from agent.pods.observed import Attempt, Observed, Pod
from agent.pods.resizing import differs, needs_restart
from agent.pods.restarts import init_starts_again, is_sidecar, starts_again
from agent.pods.steps import (
    Complete,
    Forget,
    Hold,
    Prepare,
    Refresh,
    Release,
    RemoveSandbox,
    Resize,
    Start,
    StartSandbox,
    Step,
    Stop,
    StopSandbox,
    Wait,
)
from agent.runtime.words import ContainerState

KEPT_ATTEMPTS = 2
DEFAULT_GRACE = 30
DEADLINE = "DeadlineExceeded"
Container = dict[str, Any]


def plan(pod: Pod, seen: Observed, now: float) -> list[Step]:
    return list(PLANNERS[seen.stage](pod, seen, now))


def happenings(pod: Pod, seen: Observed, now: float) -> list[Happening]:
    """What happened to the pod since its stage was set, in the order to take it in."""
    if seen.stage is Stage.ACTIVE:
        if is_deleted(pod):
            return [Happening.DELETED]
        if seen.ended_reason or deadline(pod, seen) <= now:
            return [Happening.FAILED]
        return [Happening.FINISHED] if is_finished(pod, seen) else []
    if seen.stage is Stage.ENDING and not seen.running() and seen.sandbox is None:
        return [Happening.STOPPED]
    return []


def is_deleted(pod: Pod) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def deadline(pod: Pod, seen: Observed) -> float:
    seconds = pod["spec"].get("activeDeadlineSeconds")
    return seen.active_since + float(seconds) if seconds and seen.active_since else float("inf")


def is_finished(pod: Pod, seen: Observed) -> bool:
    """Nothing of the pod's own work runs or will run again; sidecars do not count."""
    if failed_init(pod, seen):
        return True
    for container in pod["spec"]["containers"]:
        attempt = seen.latest(container["name"])
        if attempt is None or not attempt.ended or starts_again(pod, container, attempt.exit_code):
            return False
    return True


def failed_init(pod: Pod, seen: Observed) -> Container | None:
    """The init container whose failure ends the pod."""
    for container in pod["spec"].get("initContainers") or ():
        attempt = seen.latest(container["name"])
        if is_sidecar(container) or attempt is None or not attempt.ended or attempt.exit_code == 0:
            continue
        if not init_starts_again(pod, container, attempt.exit_code) and not initialized(pod, seen):
            return dict(container)
    return None


def initialized(pod: Pod, seen: Observed) -> bool:
    return any(seen.latest(container["name"]) for container in pod["spec"]["containers"])


# While it is to run


def _active(pod: Pod, seen: Observed, now: float) -> Iterator[Step]:
    if not seen.prepared:
        if now < seen.prepare_at:
            yield Wait(seen.prepare_at)
            return
        yield Prepare()
        return
    if now >= seen.refresh_at:
        yield Refresh()
    elif seen.refresh_at < float("inf"):
        yield Wait(seen.refresh_at)
    sandbox = seen.sandbox
    misplaced = list(_misplaced(seen, sandbox.id if sandbox else ""))
    if misplaced:
        yield from misplaced
        return
    if sandbox is None:
        yield from _new_sandbox(seen, now)
        return
    for extra in seen.sandboxes:
        if extra.id != sandbox.id:
            yield from _clear_sandbox(seen, extra.id)
    yield from _containers(pod, seen, sandbox.id, now)
    yield from _old_attempts(seen)
    if deadline(pod, seen) < float("inf"):
        yield Wait(deadline(pod, seen))


def _misplaced(seen: Observed, sandbox_id: str) -> Iterator[Step]:
    """Only the newest attempt of a container may run, and only in the living sandbox; before others start, these end."""
    for attempts in seen.attempts.values():
        for number, attempt in enumerate(attempts):
            if attempt.running and (number > 0 or attempt.sandbox_id != sandbox_id):
                yield Stop(attempt.id, attempt.name, 0, f"Stopping container {attempt.name}: its place is taken")


def _new_sandbox(seen: Observed, now: float) -> Iterator[Step]:
    trouble = seen.troubles.get("")
    if trouble and now < trouble.retry_at:
        yield Wait(trouble.retry_at)
        return
    yield StartSandbox(seen.next_sandbox)


def _clear_sandbox(seen: Observed, sandbox_id: str) -> Iterator[Step]:
    """A dead sandbox goes once none of its containers is kept for its last state."""
    if not any(attempt.sandbox_id == sandbox_id for attempts in seen.attempts.values() for attempt in attempts):
        yield RemoveSandbox(sandbox_id)


def _containers(pod: Pod, seen: Observed, sandbox_id: str, now: float) -> Iterator[Step]:
    inits = pod["spec"].get("initContainers") or ()
    done = any(_here(seen.latest(container["name"]), sandbox_id) for container in pod["spec"]["containers"])
    for container in inits:
        if done and not is_sidecar(container):
            continue
        yield from _container(pod, container, seen, sandbox_id, now, init=True)
        if not done and not _init_passed(container, seen, sandbox_id):
            return
    for container in pod["spec"]["containers"]:
        yield from _container(pod, container, seen, sandbox_id, now)
    for container in pod["spec"].get("ephemeralContainers") or ():
        if seen.latest(container["name"]) is None:
            yield from _start(container, seen, sandbox_id, now)


def _init_passed(container: Container, seen: Observed, sandbox_id: str) -> bool:
    attempt = _here(seen.latest(container["name"]), sandbox_id)
    if attempt is None:
        return False
    if is_sidecar(container):
        return attempt.running and seen.verdict(attempt).started
    return attempt.ended and attempt.exit_code == 0


def _container(
    pod: Pod, container: Container, seen: Observed, sandbox_id: str, now: float, init: bool = False
) -> Iterator[Step]:
    """The steps for one container of the spec."""
    attempt = seen.latest(container["name"])
    if attempt is None:
        yield from _start(container, seen, sandbox_id, now)
    elif attempt.running:
        yield from _running(pod, container, attempt, seen, now)
    elif attempt.state is ContainerState.CREATED:
        # Made but never started (the agent ended in between): the same attempt is made again.
        yield Forget(attempt.id, attempt.name, attempt.attempt)
        yield Start(attempt.name, attempt.attempt, sandbox_id)
    elif _starts_again(pod, container, attempt, sandbox_id, init):
        yield from _restart(pod, container, attempt, seen, sandbox_id, now)


def _starts_again(pod: Pod, container: Container, attempt: Attempt, sandbox_id: str, init: bool) -> bool:
    if init and not is_sidecar(container):
        # In a new sandbox what an init container set up may be gone with the old one.
        return attempt.sandbox_id != sandbox_id or init_starts_again(pod, container, attempt.exit_code)
    return starts_again(pod, container, attempt.exit_code)


def _running(pod: Pod, container: Container, attempt: Attempt, seen: Observed, now: float) -> Iterator[Step]:
    verdict = seen.verdict(attempt)
    grace = _grace(pod, seen)
    if verdict.doom:
        yield Stop(attempt.id, attempt.name, grace if verdict.doom_grace is None else verdict.doom_grace, verdict.doom)
    elif attempt.spec_hash and attempt.spec_hash != spec_hash(container):
        yield Stop(attempt.id, attempt.name, grace, f"Container {attempt.name} definition changed, will be restarted")
    elif differs(container, attempt, seen):
        yield from _resized(pod, container, attempt, seen, now)


def _resized(pod: Pod, container: Container, attempt: Attempt, seen: Observed, now: float) -> Iterator[Step]:
    held = seen.resize_held
    if held is not None and (not held.retry_at or now < held.retry_at):
        if held.retry_at:
            yield Wait(held.retry_at)
    elif needs_restart(container, attempt, seen):
        message = f"Container {attempt.name} resize requires restart"
        yield Stop(attempt.id, attempt.name, _grace(pod, seen), message)
    else:
        yield Resize(attempt.id, attempt.name)


def _start(container: Container, seen: Observed, sandbox_id: str, now: float) -> Iterator[Step]:
    trouble = seen.troubles.get(container["name"])
    if trouble and now < trouble.retry_at:
        yield Wait(trouble.retry_at)
    else:
        yield Start(container["name"], seen.floors.get(container["name"], 0), sandbox_id)


def _restart(
    pod: Pod, container: Container, attempt: Attempt, seen: Observed, sandbox_id: str, now: float
) -> Iterator[Step]:
    name = container["name"]
    trouble = seen.troubles.get(name)
    if trouble and trouble.reason != "CrashLoopBackOff" and now < trouble.retry_at:
        yield Wait(trouble.retry_at)
        return
    backoff = seen.backoffs.get(name)
    changed = bool(attempt.spec_hash) and attempt.spec_hash != spec_hash(container)
    changed = changed or differs(container, attempt, seen)
    due = attempt.ended_at if backoff is None or changed else backoff.due(attempt.ended_at)
    if backoff is not None and now < due:
        meta = pod["metadata"]
        who = f"container={name} pod={meta['name']}_{meta['namespace']}({meta['uid']})"
        yield Hold(name, "CrashLoopBackOff", f"back-off {_duration(backoff.delay)} restarting failed {who}", due)
        return
    yield Start(name, attempt.attempt + 1, sandbox_id, attempt.ended_at)


def _old_attempts(seen: Observed) -> Iterator[Step]:
    for attempts in seen.attempts.values():
        for attempt in attempts[KEPT_ATTEMPTS:]:
            yield Forget(attempt.id, attempt.name, attempt.attempt)


def _here(attempt: Attempt | None, sandbox_id: str) -> Attempt | None:
    return attempt if attempt and attempt.sandbox_id == sandbox_id else None


# While it is to end


def _ending(pod: Pod, seen: Observed, now: float) -> Iterator[Step]:
    """Containers first, then sidecars in the reverse of their order, then the sandboxes."""
    running = {attempt.name: attempt for attempt in seen.running()}
    sidecars = [c["name"] for c in pod["spec"].get("initContainers") or () if is_sidecar(c)]
    first = [attempt for name, attempt in running.items() if name not in sidecars]
    last = next((running[name] for name in reversed(sidecars) if name in running), None)
    for attempt in first or ([last] if last else []):
        yield Stop(attempt.id, attempt.name, _grace(pod, seen), f"Stopping container {attempt.name}")
    if not running:
        for sandbox in seen.sandboxes:
            if sandbox.ready:
                yield StopSandbox(sandbox.id)


def _ended(pod: Pod, seen: Observed, now: float) -> Iterator[Step]:
    """A finished pod keeps its containers, for their logs and states, until someone deletes it."""
    if seen.prepared:
        yield Release()
    if is_deleted(pod):
        for attempts in seen.attempts.values():
            for attempt in attempts:
                yield Forget(attempt.id, attempt.name, attempt.attempt)
        for sandbox in seen.sandboxes:
            yield RemoveSandbox(sandbox.id)
        yield Complete()


def _gone(pod: Pod, seen: Observed, now: float) -> Iterator[Step]:
    return iter(())


PLANNERS = {Stage.ACTIVE: _active, Stage.ENDING: _ending, Stage.ENDED: _ended, Stage.GONE: _gone}


def _grace(pod: Pod, seen: Observed) -> int:
    """Seconds a container has to end: what the end was asked with, else what the spec says."""
    if seen.grace is not None:
        return seen.grace
    asked = pod["metadata"].get("deletionGracePeriodSeconds")
    said = pod["spec"].get("terminationGracePeriodSeconds")
    return int(next((value for value in (asked, said) if value is not None), DEFAULT_GRACE))


def spec_hash(container: Mapping[str, Any]) -> str:
    """What of a container's spec may change under it: a different text means that it has to be made anew."""
    return str(container.get("image", ""))


def _duration(seconds: float) -> str:
    """`10s`, `2m40s`, `5m0s`: as Go writes it."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
