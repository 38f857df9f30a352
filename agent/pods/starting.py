"""One container started: its image, its mounts and environment, create, start, postStart.

Every way this can fail is a reason in the container's status and an event; the plan decides when it is tried again.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from agent.pods.containers import Prepared, container_config, find_container
from agent.pods.envfiles import read_files
from agent.pods.environment import ConfigError, container_environment
from agent.pods.handling import Asked, ask
from agent.pods.images import ImageTrouble, logins
from agent.pods.memory import Memory
from agent.pods.observed import Observed, Pod, Trouble
from agent.pods.preparing import write_hosts
from agent.pods.restarts import after
from agent.pods.sandboxes import sandbox_config
from agent.pods.security import Refused
from agent.pods.steps import Start
from agent.pods.stopping import kill
from agent.pods.tools import Tools
from agent.pods.volumes.mounting import Unsupported
from agent.pods.volumes.mounts import container_mounts
from agent.runtime.contract import RuntimeFailure
from agent.runtime.words import Image, SandboxConfig

RETRY = 10.0
HOOK_TIMEOUT = 300.0


async def start(tools: Tools, pod: Pod, memory: Memory, seen: Observed, step: Start) -> None:
    container = find_container(pod, step.name)
    if step.ended_at:
        memory.backoffs[step.name] = after(memory.backoffs.get(step.name), step.ended_at)
    try:
        secrets = [reference["name"] for reference in pod["spec"].get("imagePullSecrets") or ()]
        objects = tools.references.objects(pod["metadata"]["uid"])
        known = logins(objects.get(("Secret", name)) for name in secrets)
        pulling = partial(tools.recorder.record, pod, "Normal", "Pulling", container=step.name)
        found = await tools.images.ensure(container, known, pulling)
    except ImageTrouble as trouble:
        for kind, reason, message in trouble.events:
            tools.recorder.record(pod, kind, reason, message, step.name)
        memory.troubles[step.name] = trouble.trouble
        return
    tools.recorder.record(pod, "Normal", "Pulled", found.said, step.name)
    container_id = await _create(tools, pod, memory, seen, step, found.image)
    if container_id and await _run(tools, pod, memory, step, container_id):
        memory.troubles.pop(step.name, None)
        await _post_start(tools, pod, memory, seen, step, container_id)


async def _create(tools: Tools, pod: Pod, memory: Memory, seen: Observed, step: Start, image: Image) -> str:
    """The new container's id; empty, with the trouble noted, when it could not be made."""
    container = find_container(pod, step.name)
    ips = seen.sandbox.ips if seen.sandbox else ()
    around = tools.surroundings(pod, ips)
    try:
        write_hosts(tools, pod, ips)
        around = replace(around, files=read_files(pod, container, tools.paths))
        known = dict(container_environment(pod, container, around))
        mounts = container_mounts(pod, container, step.attempt, tools.paths, memory.volumes, known)
        meta = pod["metadata"]
        log = tools.paths.log(meta["namespace"], meta["name"], meta["uid"], step.name, step.attempt)
        log.parent.mkdir(parents=True, exist_ok=True)
        prepared = Prepared(image, mounts, tools.node(), _target(container, seen))
        config = container_config(pod, container, step.attempt, prepared, around)
    except (ConfigError, Refused, Unsupported, OSError) as error:
        _trouble(tools, pod, memory, step, "CreateContainerConfigError", str(error))
        return ""
    try:
        return await tools.runtime.create_container(step.sandbox_id, config, _sandbox(tools, pod, seen))
    except RuntimeFailure as failure:
        if failure.unreachable:
            raise
        _trouble(tools, pod, memory, step, "CreateContainerError", str(failure))
        return ""


async def _run(tools: Tools, pod: Pod, memory: Memory, step: Start, container_id: str) -> bool:
    tools.recorder.record(pod, "Normal", "Created", "Container created", step.name)
    try:
        await tools.runtime.start_container(container_id)
    except RuntimeFailure as failure:
        if failure.unreachable:
            raise
        _trouble(tools, pod, memory, step, "RunContainerError", str(failure), 0.0)
        return False
    tools.recorder.record(pod, "Normal", "Started", "Container started", step.name)
    return True


async def _post_start(tools: Tools, pod: Pod, memory: Memory, seen: Observed, step: Start, container_id: str) -> None:
    """The hook; a container whose hook fails is killed."""
    container = find_container(pod, step.name)
    hook = (container.get("lifecycle") or {}).get("postStart")
    if not hook:
        return
    ip = seen.sandbox.ips[0] if seen.sandbox and seen.sandbox.ips else "127.0.0.1"
    answer = await ask(tools.runtime, hook, Asked(container_id, ip, container), HOOK_TIMEOUT)
    if answer.done:
        return
    tools.recorder.record(pod, "Warning", "FailedPostStartHook", "PostStartHook failed", step.name)
    tools.recorder.record(pod, "Normal", "Killing", "FailedPostStartHook", step.name)
    memory.troubles[step.name] = Trouble("PostStartHookError", _hook_words(pod, step.name, hook, answer.said))
    await kill(tools, container_id, int(pod["spec"].get("terminationGracePeriodSeconds") or 0))


def _hook_words(pod: Pod, name: str, hook: dict[str, dict[str, list[str]]], said: str) -> str:
    meta = pod["metadata"]
    whom = f'for Container "{name}" in Pod "{meta["name"]}_{meta["namespace"]}({meta["uid"]})" failed'
    if "exec" in hook:
        command = " ".join(hook["exec"].get("command") or ())
        return f'Exec lifecycle hook ([{command}]) {whom} - error: {said}, message: ""'
    return f"{next(iter(hook))} lifecycle hook {whom} - error: {said}"


def _sandbox(tools: Tools, pod: Pod, seen: Observed) -> SandboxConfig:
    attempt = seen.sandbox.attempt if seen.sandbox else 0
    return sandbox_config(pod, attempt, tools.node(), tools.paths)


def _target(container: dict[str, str], seen: Observed) -> str:
    """An ephemeral container may look into the processes of another."""
    target = seen.latest(container.get("targetContainerName") or "")
    return target.id if target else ""


def _trouble(
    tools: Tools, pod: Pod, memory: Memory, step: Start, reason: str, message: str, retry: float = RETRY
) -> None:
    memory.troubles[step.name] = Trouble(reason, message, tools.clock() + retry if retry else 0.0)
    tools.recorder.record(pod, "Warning", "Failed", f"Error: {message}", step.name)
