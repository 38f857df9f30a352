"""Events about objects: what `kubectl describe` shows at its end, written in the background and never waited for.

Contract: `record` returns at once.  The same event again raises the count of the first; one object may cause a burst of
`BURST` and then one each `REFILL` seconds; more than `QUEUE` waiting are dropped and their number is logged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

from kube import kinds, times
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import Kind

log = logging.getLogger(__name__)

NORMAL, WARNING = "Normal", "Warning"
EVENT = kinds.kind_of({"apiVersion": "v1", "kind": "Event"})
BURST, REFILL = 25, 300.0
QUEUE = 1000
REMEMBERED = 4096


class About(NamedTuple):
    """The object an event is about; `field_path` names a part of it, such as `spec.containers{web}`."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    field_path: str = ""

    def reference(self) -> dict[str, str]:
        fields = {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "fieldPath": self.field_path,
        }
        return {name: value for name, value in fields.items() if value}


class Said(NamedTuple):
    about: About
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class _Series:
    """An event that exists already, and how often it was said."""

    name: str
    count: int


def about(kind: Kind, obj: Mapping[str, Any]) -> About:
    meta = obj["metadata"]
    return About(kind.api_version, kind.kind, meta.get("namespace", ""), meta["name"], meta.get("uid", ""))


class Recorder:
    """Events of one component; `run()` writes them until cancelled."""

    def __init__(
        self, client: Client, component: str, host: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._component, self._host, self._clock = client, component, host, clock
        self._waiting: deque[Said] = deque()
        self._wake = asyncio.Event()
        self._series: OrderedDict[Said, _Series] = OrderedDict()
        self._buckets: OrderedDict[About, tuple[float, float]] = OrderedDict()
        self._dropped = 0

    def record(self, about: About, type: str, reason: str, message: str) -> None:
        if len(self._waiting) >= QUEUE or not self._allowed(about):
            self._dropped += 1
            return
        self._waiting.append(Said(about, type, reason, message))
        self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write(self._waiting.popleft())
            if self._dropped:
                log.info("events dropped component=%s count=%d", self._component, self._dropped)
                self._dropped = 0

    async def _write(self, said: Said) -> None:
        try:
            known = self._series.get(said)
            if known is None or not await self._repeat(said, known):
                await self._create(said)
        except (ApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("event not written about=%s/%s reason=%s error=%s", *said.about[2:4], said.reason, error)

    async def _create(self, said: Said) -> None:
        namespace = said.about.namespace or "default"
        event = body(said, self._component, self._host, f"{said.about.name}.{time.time_ns():x}")
        await self._client.create(EVENT, namespace, event)
        self._series[said] = _Series(event["metadata"]["name"], 1)
        if len(self._series) > REMEMBERED:
            self._series.popitem(last=False)

    async def _repeat(self, said: Said, series: _Series) -> bool:
        """False when the first one has expired meanwhile."""
        series.count += 1
        change = {"count": series.count, "lastTimestamp": times.now()}
        try:
            await self._client.patch(EVENT, said.about.namespace or "default", series.name, change)
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return True

    def _allowed(self, about: About) -> bool:
        """A token bucket for each object."""
        now = self._clock()
        tokens, then = self._buckets.pop(about, (float(BURST), now))
        tokens = min(float(BURST), tokens + (now - then) / REFILL)
        self._buckets[about] = (max(0.0, tokens - 1), now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return tokens >= 1


def body(said: Said, component: str, host: str, name: str) -> dict[str, Any]:
    now = times.now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": said.about.namespace or "default"},
        "involvedObject": said.about.reference(),
        "type": said.type,
        "reason": said.reason,
        "message": said.message[:1024],
        "source": {"component": component} | ({"host": host} if host else {}),
        "reportingComponent": component,
        "reportingInstance": host,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
