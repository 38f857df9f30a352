"""One container ended: preStop, then its stop signal, then SIGKILL when its time is over."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from agent.pods.containers import find_container
from agent.pods.handling import Asked, ask
from agent.pods.observed import Pod
from agent.pods.signals import stop_signal
from agent.pods.steps import Stop
from agent.pods.tools import Tools
from agent.runtime.words import ContainerState

log = logging.getLogger(__name__)

LOOK = 0.1


async def stop(tools: Tools, pod: Pod, step: Stop, ip: str) -> None:
    """Raises RuntimeFailure; the plan asks again while the container runs."""
    tools.recorder.record(pod, "Normal", "Killing", step.message, step.name)
    began = tools.clock()
    if step.grace > 0:
        await _pre_stop(tools, pod, step, ip)
    left = max(0, round(step.grace - (tools.clock() - began)))
    grace = min(step.grace, max(left, 1))
    number = stop_signal(_container(pod, step.name))
    if number and grace and await _signalled(tools, step.id, number, grace):
        return
    await kill(tools, step.id, 0 if number else grace)


async def _signalled(tools: Tools, container_id: str, number: int, grace: int) -> bool:
    """Send the spec's own signal, which CRI cannot; whether the container ended by it in time."""
    await tools.runtime.signal_container(container_id, number)
    until = tools.clock() + grace
    while tools.clock() < until:
        status = await tools.runtime.container_status(container_id)
        if status is None or status.state is ContainerState.EXITED:
            return True
        await asyncio.sleep(LOOK)
    return False


async def kill(tools: Tools, container_id: str, grace: int) -> None:
    await tools.runtime.stop_container(container_id, grace)


async def _pre_stop(tools: Tools, pod: Pod, step: Stop, ip: str) -> None:
    """The hook's time is part of the grace; one that fails hinders nothing."""
    container = _container(pod, step.name)
    hook = (container.get("lifecycle") or {}).get("preStop")
    if not hook:
        return
    answer = await ask(tools.runtime, hook, Asked(step.id, ip, container), step.grace)
    if not answer.done:
        tools.recorder.record(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", step.name)
        log.info("preStop failed pod=%s container=%s said=%s", pod["metadata"]["name"], step.name, answer.said)


def _container(pod: Pod, name: str) -> dict[str, Any]:
    """The container's spec; empty where the runtime runs what the spec does not name."""
    try:
        return find_container(pod, name)
    except KeyError:
        return {}
