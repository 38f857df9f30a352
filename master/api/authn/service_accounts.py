"""Service accounts' tokens: the signature proves the claims, the cache proves that what they are bound to still exists.

How it works: signature and shape of a token are checked once and remembered by the token's hash until it expires; at each
request only the bound objects are looked up (a deleted pod's token is dead the moment the pod is gone).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kube.errors import unauthorized
from kube.kinds import Kind
from master.api.authn.jwt import BadToken, Claims, Verifier, claims_of
from master.api.authn.union import with_authenticated
from master.api.contract import Credentials, UserInfo
from master.api.rows import NODE, POD, SECRET, SERVICE_ACCOUNT
from master.api.sources import Fresh, find

ISSUER = "https://kubernetes.default.svc"
PREFIX = "authentication.kubernetes.io/"
REMEMBERED = 10_000
LEEWAY = 60
"""Seconds a clock may be behind the issuer's."""
BOUND: dict[str, tuple[Kind, bool]] = {"pod": (POD, True), "secret": (SECRET, True), "node": (NODE, False)}
"""Claim → (kind, namespaced): what a token may be bound to."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A token whose signature and claims are good; whether its objects still exist is asked each time."""

    claims: Claims
    audiences: tuple[str, ...]
    user: UserInfo


class ServiceAccountTokens:
    def __init__(
        self,
        verifier: Verifier,
        reader: Fresh,
        audiences: Sequence[str] = (ISSUER,),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._verifier = verifier
        self._reader = reader
        self.audiences = tuple(audiences)
        self._clock = clock
        self._known: dict[bytes, Verified] = {}

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        token = credentials.token
        if not token:
            return None
        digest = digest_of(token)
        if digest not in self._known and not is_ours(token):
            return None
        try:
            return (await self._verify(token, digest, self.audiences)).user
        except BadToken as error:
            raise unauthorized("invalid bearer token") from error

    async def verify(self, token: str, audiences: Sequence[str]) -> Verified:
        """BadToken when it is not good now, here, and for one of `audiences`."""
        return await self._verify(token, digest_of(token), audiences)

    async def _verify(self, token: str, digest: bytes, audiences: Sequence[str]) -> Verified:
        verified = self._known.get(digest) or self._learn(token, digest)
        if not any(audience in audiences for audience in verified.audiences):
            raise BadToken(f"token audiences {list(verified.audiences)} are not among {list(audiences)}")
        self._check_times(verified.claims)
        await self._check_objects(verified.claims)
        return verified

    def _learn(self, token: str, digest: bytes) -> Verified:
        claims = self._verifier.verify(token)
        if claims.get("iss") != ISSUER:
            raise BadToken("another issuer")
        try:
            verified = Verified(claims, _audiences(claims), with_authenticated(user_of(claims)))
        except (KeyError, TypeError, AttributeError) as error:
            raise BadToken("claims are missing") from error
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[digest] = verified
        return verified

    def _check_times(self, claims: Claims) -> None:
        now = self._clock()
        if now >= claims["exp"]:
            raise BadToken("token has expired")
        if now + LEEWAY < claims.get("nbf", 0):
            raise BadToken("token is not valid yet")

    async def _check_objects(self, claims: Claims) -> None:
        private = claims["kubernetes.io"]
        namespace = private["namespace"]
        await self._check_object(SERVICE_ACCOUNT, namespace, private["serviceaccount"])
        for claim, (kind, namespaced) in BOUND.items():
            # A pod's token names its node for information only: it is bound to the pod.
            if claim in private and not (claim == "node" and "pod" in private):
                await self._check_object(kind, namespace if namespaced else "", private[claim])

    async def _check_object(self, kind: Kind, namespace: str, wanted: dict[str, str]) -> None:
        found = await find(self._reader, kind, namespace, wanted["name"])
        if found is None or found["metadata"].get("uid") != wanted["uid"]:
            raise BadToken(f"{kind.singular_name} {wanted['name']} has been deleted")


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def is_ours(token: str) -> bool:
    claims = claims_of(token)
    return claims is not None and claims.get("iss") == ISSUER


def user_of(claims: Claims) -> UserInfo:
    private = claims["kubernetes.io"]
    namespace, account = private["namespace"], private["serviceaccount"]
    return UserInfo(
        user_name(namespace, account["name"]), groups_of(namespace), account["uid"], _extra(claims, private)
    )


def user_name(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def groups_of(namespace: str) -> tuple[str, ...]:
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")


def _extra(claims: Claims, private: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    extra: dict[str, tuple[str, ...]] = (
        {PREFIX + "credential-id": (f"JTI={claims['jti']}",)} if claims.get("jti") else {}
    )
    for claim in ("pod", "node"):
        if claim in private:
            extra[f"{PREFIX}{claim}-name"] = (private[claim]["name"],)
            if private[claim].get("uid"):
                extra[f"{PREFIX}{claim}-uid"] = (private[claim]["uid"],)
    return extra


def _audiences(claims: Claims) -> tuple[str, ...]:
    said = claims["aud"]
    if not isinstance(claims["exp"], int | float):
        raise TypeError("exp")
    return (said,) if isinstance(said, str) else tuple(said)
