"""Why a container ended by SIGKILL: its memory ran out, someone asked for it, or a process did it.

How it works.  containerd 1.6 hears of a container's end and of its memory by two ways.  On a busy machine the end overtakes
the memory's word by some milliseconds, and where the container's cgroup is gone by then the word never comes: an end is told
as Error that was the kernel's.  So an end by SIGKILL that nobody asked for is held against the kernel's log, which has its
line before the process dies; that log is rate-limited, so what it lacks is waited for a moment.
Source of the line: the kernel's mm/oom_kill.c (since 4.19), `oom-kill:constraint=…,task_memcg=CGROUP,task=…`.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from agent.runtime.words import ContainerState, ContainerStatus

log = logging.getLogger(__name__)

OOM_KILLED = "OOMKilled"
BY_SIGKILL = 137
SETTLING = 0.5
"""Seconds after an end within which the memory's word may still come."""
READ_ALL, SIZE = 3, 10
"""syslog(2)'s SYSLOG_ACTION_READ_ALL and SYSLOG_ACTION_SIZE_BUFFER."""


class Recent:
    """A set of ids that keeps the newest thousand."""

    MOST = 1000

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()

    def add(self, key: str) -> None:
        self._known[key] = None
        if len(self._known) > self.MOST:
            self._known.popitem(last=False)

    def __contains__(self, key: str) -> bool:
        return key in self._known


class Endings:
    """`starve` and `ask` note what is heard and done; `settled` answers a status whose reason is the true one."""

    def __init__(self, log_text: Callable[[], str], clock: Callable[[], float] = time.time) -> None:
        self._log_text = log_text
        self._clock = clock
        self._starved = Recent()
        self._asked = Recent()
        self._awaited: dict[str, asyncio.Event] = {}

    def starve(self, container_id: str) -> None:
        """The runtime says that the container's memory ran out."""
        self._starved.add(container_id)
        if container_id in self._awaited:
            self._awaited[container_id].set()

    def ask(self, container_id: str) -> None:
        """The agent itself ends the container."""
        self._asked.add(container_id)

    async def settled(self, status: ContainerStatus) -> ContainerStatus:
        if status.state is ContainerState.EXITED and await self._ran_out(status):
            return replace(status, reason=OOM_KILLED)
        return status

    async def _ran_out(self, status: ContainerStatus) -> bool:
        if status.reason == OOM_KILLED or status.id in self._starved:
            return True
        if status.exit_code != BY_SIGKILL or status.id in self._asked:
            return False
        return starved_in(self._log_text(), status.id) or await self._told_in_time(status)

    async def _told_in_time(self, status: ContainerStatus) -> bool:
        left = min(SETTLING, status.finished_at + SETTLING - self._clock())
        if left <= 0:
            return False
        told = self._awaited.setdefault(status.id, asyncio.Event())
        try:
            async with asyncio.timeout(left):
                return await told.wait()
        except TimeoutError:
            return False
        finally:
            self._awaited.pop(status.id, None)


def starved_in(text: str, container_id: str) -> bool:
    """Whether the kernel's log tells of a process of this container killed for memory.  Pure."""
    return any("oom-kill:" in line and container_id in line for line in text.splitlines())


def kernel_log() -> str:
    """The kernel's log as it is now; empty where this process may not read it."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(max(1, libc.klogctl(SIZE, None, 0)))
    length = libc.klogctl(READ_ALL, buffer, len(buffer))
    if length < 0:
        log.info("kernel log not read error=%s", os.strerror(ctypes.get_errno()))
        return ""
    return buffer.raw[:length].decode(errors="replace")
