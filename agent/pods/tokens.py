"""Service account tokens for pods: asked for by TokenRequest, bound to the pod, renewed when four fifths of their life passed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.pods.volumes.payloads import TokenAsked
from kube import times
from kube.client import Client
from kube.kinds import kind_of

ACCOUNTS = kind_of({"apiVersion": "v1", "kind": "ServiceAccount"})
USED_UP = 0.8


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    renew_at: float


class Tokens:
    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[tuple[str, TokenAsked], Token] = {}

    async def get(self, pod: Mapping[str, Any], asked: TokenAsked) -> Token:
        key = pod["metadata"]["uid"], asked
        known = self._known.get(key)
        if known is None or self._clock() >= known.renew_at:
            known = self._known[key] = await self._request(pod, asked)
        return known

    def forget(self, uid: str) -> None:
        for key in [key for key in self._known if key[0] == uid]:
            del self._known[key]

    async def _request(self, pod: Mapping[str, Any], asked: TokenAsked) -> Token:
        meta = pod["metadata"]
        bound = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]}
        spec: dict[str, Any] = {"expirationSeconds": asked.seconds, "boundObjectRef": bound}
        spec["audiences"] = [asked.audience] if asked.audience else []
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        account = pod["spec"].get("serviceAccountName") or "default"
        status = (await self._client.create(ACCOUNTS, meta["namespace"], body, "token", account))["status"]
        now = self._clock()
        life = times.parse(status["expirationTimestamp"]).timestamp() - now
        return Token(status["token"], now + life * USED_UP)
