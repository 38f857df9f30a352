"""A pod's status to the API: the latest wins, what was told already is not told again, and a link that fails is tried anew.

How it is written: one strategic patch of the status subresource.  Conditions merge by type there, so that those of others
stay; a list of addresses is replaced whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from kube.client import Client
from kube.errors import ApiError
from kube.informers import Backoff
from kube.kinds import kind_of

log = logging.getLogger(__name__)

PODS = kind_of({"apiVersion": "v1", "kind": "Pod"})
CLEARED = ("reason", "message")
Status = dict[str, Any]


class Reporter:
    """One pod's; `tell` at any time, `run` in a task, `flushed` before the pod is given up."""

    def __init__(self, client: Client, pod: Mapping[str, Any]) -> None:
        self._client = client
        self._meta = pod["metadata"]
        self._wanted: Status | None = None
        self._told: Status | None = None
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def tell(self, status: Status) -> None:
        if status == (self._wanted or self._told):
            return
        self._wanted = status
        self._idle.clear()
        self._news.set()

    async def flushed(self) -> None:
        await self._idle.wait()

    async def run(self) -> None:
        backoff = Backoff()
        while True:
            await self._news.wait()
            self._news.clear()
            status = self._wanted
            if status is not None and not await self._send(status):
                self._news.set()
                await asyncio.sleep(backoff.delay())
                continue
            backoff.reset()
            self._told = status
            if self._wanted is status:
                self._wanted = None
                self._idle.set()

    async def _send(self, status: Status) -> bool:
        """False when it has to be tried again."""
        meta = self._meta
        body = {"metadata": {"uid": meta["uid"]}, "status": patch_body(status)}
        try:
            await self._client.patch(PODS, meta["namespace"], meta["name"], body, "strategic", "status")
        except ApiError as error:
            if error.status in {404, 409, 422}:
                log.info("status refused pod=%s/%s error=%s", meta["namespace"], meta["name"], error)
                return True
            log.warning("status not written pod=%s/%s error=%s", meta["namespace"], meta["name"], error)
            return False
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("status not written pod=%s/%s error=%r", meta["namespace"], meta["name"], error)
            return False
        return True


def patch_body(status: Status) -> Status:
    """The status as a strategic patch: what is absent is cleared.  Pure."""
    body = {**dict.fromkeys(CLEARED), **status}
    if "podIPs" in body:
        body["podIPs"] = [{"$patch": "replace"}, *body["podIPs"]]
    return body
