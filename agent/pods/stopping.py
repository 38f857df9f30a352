"""One container ended: preStop, then its stop signal, then SIGKILL when its time is over."""

from __future__ import annotations

import logging

from agent.pods.containers import find_container
from agent.pods.handling import Asked, ask
from agent.pods.observed import Pod
from agent.pods.steps import Stop
from agent.pods.tools import Tools

log = logging.getLogger(__name__)


async def stop(tools: Tools, pod: Pod, step: Stop, ip: str) -> None:
    """Raises RuntimeFailure; the plan asks again while the container runs."""
    tools.recorder.record(pod, "Normal", "Killing", step.message, step.name)
    began = tools.clock()
    if step.grace > 0:
        await _pre_stop(tools, pod, step, ip)
    left = max(0, round(step.grace - (tools.clock() - began)))
    await kill(tools, step.id, min(step.grace, max(left, 1)))


async def kill(tools: Tools, container_id: str, grace: int) -> None:
    await tools.runtime.stop_container(container_id, grace)


async def _pre_stop(tools: Tools, pod: Pod, step: Stop, ip: str) -> None:
    """The hook's time is part of the grace; one that fails hinders nothing."""
    try:
        container = find_container(pod, step.name)
    except KeyError:
        return
    hook = (container.get("lifecycle") or {}).get("preStop")
    if not hook:
        return
    answer = await ask(tools.runtime, hook, Asked(step.id, ip, container), step.grace)
    if not answer.done:
        tools.recorder.record(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", step.name)
        log.info("preStop failed pod=%s container=%s said=%s", pod["metadata"]["name"], step.name, answer.said)
