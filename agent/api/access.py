"""Who may use the node's API: callers with a certificate of the cluster or a token, when the master says that they may.

The master answers by TokenReview and SubjectAccessReview, asked with the node's own certificate; answers are kept for a
few seconds, and refusals shorter than permissions, so that a right that is taken away is gone soon.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from kube.client import Client
from kube.errors import ApiError, unauthorized
from kube.kinds import Kind, known

ALLOWED_SECONDS = 10.0
REFUSED_SECONDS = 2.0
VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# The parts of the node that a path is about, as upstream's kubelet names them for RBAC: a right to any of them will do, and
# everything else is `proxy`.
SUBRESOURCES = {
    "metrics": ("metrics",),
    "stats": ("stats",),
    "logs": ("log",),
    "spec": ("spec",),
    "pods": ("pods", "proxy"),
    "runningpods": ("pods", "proxy"),
    "healthz": ("healthz", "proxy"),
    "configz": ("configz", "proxy"),
    "commands": ("commands",),
}


@dataclass(frozen=True, slots=True)
class Caller:
    name: str
    groups: tuple[str, ...] = ()


ADMITTED = web.RequestKey("admitted", Caller)
"""Who was let in, for a request's handler."""
TOKEN_REVIEW = known("authentication.k8s.io/v1", "TokenReview")
ACCESS_REVIEW = known("authorization.k8s.io/v1", "SubjectAccessReview")


def caller_of(certificate: Mapping[str, Any] | None) -> Caller | None:
    """The caller that a verified certificate names (as ssl's getpeercert() tells it): CN the user, O its groups."""
    if not certificate:
        return None
    pairs = [pair for relative in certificate.get("subject", ()) for pair in relative]
    name = next((value for key, value in pairs if key == "commonName"), "")
    groups = tuple(value for key, value in pairs if key == "organizationName")
    return Caller(name, (*groups, "system:authenticated")) if name else None


@dataclass
class Access:
    """`admit` raises ApiError 401 or 403, or returns."""

    client: Client
    node_name: str
    clock: Callable[[], float]
    _callers: dict[bytes, tuple[float, Caller | None]] = field(default_factory=dict)
    _decisions: dict[tuple[Caller, str, str], tuple[float, str]] = field(default_factory=dict)

    async def admit(self, method: str, path: str, certificate: Mapping[str, Any] | None, token: str) -> Caller:
        caller = caller_of(certificate) or (await self._by_token(token) if token else None)
        if caller is None:
            raise unauthorized()
        if "system:masters" in caller.groups:
            return caller
        first = path.strip("/").partition("/")[0]
        refusal = ""
        for subresource in SUBRESOURCES.get(first, ("proxy",)):
            refusal = await self._refusal(caller, VERBS.get(method, method.lower()), subresource)
            if not refusal:
                return caller
        raise ApiError(403, "Forbidden", refusal)

    async def _by_token(self, token: str) -> Caller | None:
        key = hashlib.sha256(token.encode()).digest()
        known = self._callers.get(key)
        if known and known[0] > self.clock():
            return known[1]
        answer = await self.client.create(TOKEN_REVIEW, "", _object(TOKEN_REVIEW, {"token": token}))
        status = answer.get("status") or {}
        user = status.get("user") or {}
        caller = Caller(user["username"], tuple(user.get("groups") or ())) if status.get("authenticated") else None
        self._forget_old()
        self._callers[key] = (self.clock() + (ALLOWED_SECONDS if caller else REFUSED_SECONDS), caller)
        return caller

    async def _refusal(self, caller: Caller, verb: str, subresource: str) -> str:
        """Empty when the caller may."""
        key = (caller, verb, subresource)
        known = self._decisions.get(key)
        if known and known[0] > self.clock():
            return known[1]
        attributes = {"verb": verb, "resource": "nodes", "subresource": subresource, "name": self.node_name}
        spec = {"user": caller.name, "groups": list(caller.groups), "resourceAttributes": attributes}
        answer = await self.client.create(ACCESS_REVIEW, "", _object(ACCESS_REVIEW, spec))
        allowed = (answer.get("status") or {}).get("allowed")
        refusal = (
            "" if allowed else f'user "{caller.name}" cannot {verb} nodes/{subresource} of node "{self.node_name}"'
        )
        self._forget_old()
        self._decisions[key] = (self.clock() + (ALLOWED_SECONDS if allowed else REFUSED_SECONDS), refusal)
        return refusal

    def _forget_old(self) -> None:
        now = self.clock()
        self._callers = {key: row for key, row in self._callers.items() if row[0] > now}
        self._decisions = {decision: row for decision, row in self._decisions.items() if row[0] > now}


def _object(kind: Kind, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "spec": spec}
