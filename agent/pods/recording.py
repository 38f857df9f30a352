"""Events about pods: the same one again only counts up, and a flood is dropped rather than kept.

Contract: `record` returns at once; `run` sends.  What cannot be sent after a few tries is given up: events are news.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from kube import times
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import kind_of

log = logging.getLogger(__name__)

EVENTS = kind_of({"apiVersion": "v1", "kind": "Event"})
COMPONENT = "kubelet"
"""The reporting component that clients look for."""
WAITING = 1000
REMEMBERED = 2000
LONGEST = 1024


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened to an object; `field` is like `spec.containers{web}`."""

    about: Mapping[str, Any]
    field: str
    type: str
    reason: str
    message: str


class Recorder:
    def __init__(self, client: Client, node_name: str) -> None:
        self._client = client
        self._node = node_name
        self._queue: asyncio.Queue[News] = asyncio.Queue(WAITING)
        self._seen: OrderedDict[tuple[str, str, str, str], dict[str, Any]] = OrderedDict()

    def record(self, pod: Mapping[str, Any], type: str, reason: str, message: str, container: str = "") -> None:
        field = f"spec.containers{{{container}}}" if container else ""
        try:
            self._queue.put_nowait(News(pod["metadata"], field, type, reason, message[:LONGEST]))
        except asyncio.QueueFull:
            log.warning("event dropped pod=%s reason=%s: too many wait", pod["metadata"]["name"], reason)

    async def run(self) -> None:
        while True:
            news = await self._queue.get()
            try:
                await self._send(news)
            except (ApiError, aiohttp.ClientError, OSError, TimeoutError) as error:
                log.info("event not sent pod=%s reason=%s error=%s", news.about["name"], news.reason, error)

    async def _send(self, news: News) -> None:
        key = (news.about["uid"], news.field, news.reason, news.message)
        before = self._seen.pop(key, None)
        if before is None:
            sent = await self._client.create(EVENTS, news.about["namespace"], self._event(news))
        else:
            body = {"count": before["count"] + 1, "lastTimestamp": times.now()}
            try:
                sent = await self._client.patch(EVENTS, news.about["namespace"], before["name"], body)
            except ApiError as error:
                if error.status != 404:
                    raise
                sent = await self._client.create(EVENTS, news.about["namespace"], self._event(news))
        self._seen[key] = {"name": sent["metadata"]["name"], "count": sent.get("count", 1)}
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _event(self, news: News) -> dict[str, Any]:
        meta, now = news.about, times.now()
        about = {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": meta["namespace"], "name": f"{meta['name']}.{secrets.token_hex(8)}"},
            "involvedObject": about | ({"fieldPath": news.field} if news.field else {}),
            "type": news.type,
            "reason": news.reason,
            "message": news.message,
            "source": {"component": COMPONENT, "host": self._node},
            "reportingComponent": COMPONENT,
            "reportingInstance": self._node,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
