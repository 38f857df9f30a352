"""Service account tokens for pods: asked for by TokenRequest, bound to the pod, renewed when four fifths of their life passed.

They are kept, so that a pod can start while no master answers; one that cannot be renewed then does until it can.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import aiohttp

from agent.pods.kept import Kept
from agent.pods.volumes.payloads import TokenAsked
from kube.client import Client
from kube.kinds import kind_of

ACCOUNTS = kind_of({"apiVersion": "v1", "kind": "ServiceAccount"})
USED_UP = 0.8
RETRY = 5.0
DRAWER = "Token"
UNANSWERED = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    renew_at: float


class Tokens:
    def __init__(self, client: Client, clock: Callable[[], float], kept: Kept) -> None:
        self._client = client
        self._kept = kept
        self._clock = clock
        self._known: dict[tuple[str, TokenAsked], Token] = {}

    async def get(self, pod: Mapping[str, Any], asked: TokenAsked) -> Token:
        key = pod["metadata"]["uid"], asked
        known = self._known.get(key) or self._recalled(*key)
        if known is None or self._clock() >= known.renew_at:
            known = await self._renewed(pod, asked, known)
        self._known[key] = known
        return known

    def forget(self, uid: str) -> None:
        for key in [key for key in self._known if key[0] == uid]:
            del self._known[key]
            self._kept.keep(DRAWER, _row(*key), None)

    def prune(self, uids: Collection[str]) -> None:
        """Keep nothing of other pods."""
        self._kept.prune(DRAWER, lambda row: row.partition("/")[0] in uids)

    def _recalled(self, uid: str, asked: TokenAsked) -> Token | None:
        kept = self._kept.recall(DRAWER, _row(uid, asked))
        if not kept:
            return None
        # Kept under a clock that was ahead, it would be thought fresh for years.
        return Token(kept["text"], min(kept["renew_at"], self._clock() + asked.seconds * USED_UP))

    async def _renewed(self, pod: Mapping[str, Any], asked: TokenAsked, known: Token | None) -> Token:
        try:
            token = await self._request(pod, asked)
        except UNANSWERED:
            if known is None:
                raise
            return replace(known, renew_at=self._clock() + RETRY)
        self._kept.keep(DRAWER, _row(pod["metadata"]["uid"], asked), asdict(token))
        return token

    async def _request(self, pod: Mapping[str, Any], asked: TokenAsked) -> Token:
        meta = pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        spec: dict[str, Any] = {"expirationSeconds": asked.seconds, "boundObjectRef": bound}
        spec["audiences"] = [asked.audience] if asked.audience else []
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        account = pod["spec"].get("serviceAccountName") or "default"
        answer = await self._client.create(ACCOUNTS, meta["namespace"], body, "token", account)
        return Token(answer["status"]["token"], self._clock() + answer["spec"]["expirationSeconds"] * USED_UP)


def _row(uid: str, asked: TokenAsked) -> str:
    return f"{uid}/{asked.audience}/{asked.seconds}"
