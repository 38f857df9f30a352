"""A pod's status to the API: the latest wins, what was told already is not told again, and a link that fails is tried anew.

Others may write over it (a node that was thought dead has its pods marked unready): what is newer than our last word and
says otherwise is answered with our word again.

How it is written: one strategic patch of the status subresource.  Conditions merge by type there, so that those of others
stay; a list of addresses is replaced whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp

from agent.pods.conditions import PASSING
from agent.pods.manifests import is_own
from kube.client import Client
from kube.errors import ApiError, words_of
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
        self._passing = _passing(pod.get("status") or {})
        self._version = 0
        self._news = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def tell(self, status: Status) -> None:
        if status == (self._wanted or self._told):
            return
        self._wanted = status
        self._idle.clear()
        self._news.set()

    def again(self) -> None:
        """Tell the last status once more."""
        if self._wanted is None and self._told is not None:
            told, self._told = self._told, None
            self.tell(told)

    def reflected(self, pod: Mapping[str, Any], told: Status) -> bool:
        """Whether the API's copy says what was told; one that is older than our last word proves nothing."""
        version = int(pod["metadata"].get("resourceVersion") or 0)
        return (
            version <= self._version
            or self._wanted is not None
            or _gist(pod.get("status") or {}, told) == _gist(told, told)
        )

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
        sure = {} if is_own(meta) else {"uid": meta["uid"]}
        body = {"metadata": sure, "status": patch_body(status, self._passing)}
        try:
            pod = await self._client.patch(PODS, meta["namespace"], meta["name"], body, "strategic", "status")
            self._version = int(pod["metadata"].get("resourceVersion") or 0)
            self._passing = _passing(status)
        except ApiError as error:
            if error.status in {404, 409, 422}:
                log.info("status refused pod=%s/%s error=%s", meta["namespace"], meta["name"], error)
                return True
            log.warning("status not written pod=%s/%s error=%s", meta["namespace"], meta["name"], error)
            return False
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("status not written pod=%s/%s error=%s", meta["namespace"], meta["name"], words_of(error))
            return False
        return True


def _gist(status: Mapping[str, Any], told: Status) -> tuple[Any, ...]:
    """The phase, and of each condition we tell its status and reason."""
    own = {condition["type"] for condition in told["conditions"]}
    conditions = {c["type"]: (c["status"], c.get("reason") or None) for c in status.get("conditions") or ()}
    return status.get("phase"), {kind: said for kind, said in conditions.items() if kind in own}


def _passing(status: Mapping[str, Any]) -> set[str]:
    """The conditions of a status that go again."""
    return {condition["type"] for condition in status.get("conditions") or ()} & PASSING


def patch_body(status: Status, passing: Iterable[str] = ()) -> Status:
    """The status as a strategic patch: what is absent is cleared, and what passed of `passing`.  Pure."""
    body = {**dict.fromkeys(CLEARED), **status}
    over = sorted(set(passing) - _passing(status))
    if over:
        body["conditions"] = [*body["conditions"], *({"$patch": "delete", "type": kind} for kind in over)]
    if "podIPs" in body:
        body["podIPs"] = [{"$patch": "replace"}, *body["podIPs"]]
    return body
