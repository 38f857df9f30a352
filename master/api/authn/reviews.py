"""The identity reviews: whose token is this (TokenReview), and who am I (SelfSubjectReview)."""

from __future__ import annotations

from typing import Any

from kube.errors import ApiError, bad_request
from kube.times import now
from master.api.authn.jwt import BadToken
from master.api.authn.service_accounts import ServiceAccountTokens, is_ours
from master.api.authn.union import with_authenticated
from master.api.contract import Authenticator, Credentials, Object, UserInfo

VERSION = "authentication.k8s.io/v1"


class TokenReviews:
    def __init__(self, authenticator: Authenticator, accounts: ServiceAccountTokens) -> None:
        self._authenticator = authenticator
        self._accounts = accounts

    async def review(self, review: Object) -> Object:
        """The review with its status; a bad token is an answer, not an error."""
        spec = review.get("spec") or {}
        if not spec.get("token"):
            raise bad_request("token is required for TokenReview in authentication")
        audiences = tuple(spec.get("audiences") or ())
        metadata = review.get("metadata") or {}
        status = await self._status(spec["token"], audiences)
        return {"kind": "TokenReview", "apiVersion": VERSION, "metadata": metadata, "spec": spec, "status": status}

    async def _status(self, token: str, audiences: tuple[str, ...]) -> Object:
        wanted = audiences or self._accounts.audiences
        try:
            if is_ours(token):
                verified = await self._accounts.verify(token, wanted)
                of_token = verified.audiences
                audience_known = [audience for audience in wanted if audience in of_token]
                wanted_by_api = bool(set(of_token) & set(self._accounts.audiences))
                user = await self._user(token) if wanted_by_api else with_authenticated(verified.user)
            else:
                audience_known = [audience for audience in wanted if audience in self._accounts.audiences]
                user = await self._user(token) if audience_known else None
        except BadToken as error:
            return {"user": {}, "error": f"invalid bearer token, {error}" if audiences else "invalid bearer token"}
        except ApiError as error:
            return {"user": {}, "error": error.message}
        if user is None:
            return {"user": {}, "error": "invalid bearer token"}
        return {"authenticated": True, "user": user_json(user), "audiences": audience_known}

    async def _user(self, token: str) -> UserInfo | None:
        return await self._authenticator.authenticate(Credentials(None, token))


def self_subject_review(user: UserInfo) -> Object:
    status = {"userInfo": user_json(user)}
    meta = {"creationTimestamp": now()}
    return {"kind": "SelfSubjectReview", "apiVersion": VERSION, "metadata": meta, "status": status}


def user_json(user: UserInfo) -> dict[str, Any]:
    body: dict[str, Any] = {"username": user.name}
    if user.uid:
        body["uid"] = user.uid
    if user.groups:
        body["groups"] = list(user.groups)
    if user.extra:
        body["extra"] = {key: list(values) for key, values in user.extra.items()}
    return body
