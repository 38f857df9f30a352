"""Issuing service accounts' tokens (TokenRequest), and the two documents by which others verify them (OpenID discovery)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kube.errors import ApiError, Cause, conflict, invalid, not_found
from kube.times import text as time_text
from master.api.authn.jwt import Signer, Verifier
from master.api.authn.service_accounts import ISSUER, user_name
from master.api.contract import Object
from master.api.rows import NODE, POD, SECRET, SERVICE_ACCOUNT
from master.api.sources import Fresh, find

GROUP = "authentication.k8s.io"
DEFAULT_SECONDS = 3600
LEAST_SECONDS = 600
MOST_SECONDS = 1 << 32
BINDABLE = {("v1", "Pod"): POD, ("v1", "Secret"): SECRET, ("v1", "Node"): NODE}


class TokenIssuer:
    def __init__(
        self, signer: Signer, verifier: Verifier, reader: Fresh, clock: Callable[[], float] = time.time
    ) -> None:
        self._signer = signer
        self._verifier = verifier
        self._reader = reader
        self._clock = clock

    async def token_request(self, namespace: str, name: str, request: Object) -> Object:
        """The answer to POST serviceaccounts/NAME/token: the request completed, with the token in its status."""
        account = await find(self._reader, SERVICE_ACCOUNT, namespace, name)
        if account is None:
            raise not_found("serviceaccounts", name)
        spec = dict(request.get("spec") or {})
        spec["audiences"] = spec.get("audiences") or [ISSUER]
        spec["expirationSeconds"] = _seconds(spec)
        bound = await self._bound(namespace, name, spec.get("boundObjectRef"))
        now = int(self._clock())
        expires = now + spec["expirationSeconds"]
        claims = self._claims(account, spec["audiences"], now, expires)
        claims["kubernetes.io"] |= bound
        spec["boundObjectRef"] = spec.get("boundObjectRef")
        meta = {
            "name": name,
            "namespace": namespace,
            "uid": account["metadata"]["uid"],
            "creationTimestamp": account["metadata"].get("creationTimestamp"),
        }
        status = {
            "token": self._signer.sign(claims),
            "expirationTimestamp": time_text(datetime.fromtimestamp(expires, UTC)),
        }
        return {
            "kind": "TokenRequest",
            "apiVersion": f"{GROUP}/v1",
            "metadata": (request.get("metadata") or {}) | meta,
            "spec": spec,
            "status": status,
        }

    def discovery(self, base_url: str) -> Object:
        """/.well-known/openid-configuration; `base_url` is how the caller reached this server."""
        return {
            "issuer": ISSUER,
            "jwks_uri": f"{base_url}/openid/v1/jwks",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": self._verifier.algorithms(),
        }

    def jwks(self) -> Object:
        """/openid/v1/jwks (media type application/jwk-set+json)."""
        return self._verifier.jwks()

    def _claims(self, account: Object, audiences: list[str], now: int, expires: int) -> Object:
        meta = account["metadata"]
        return {
            "aud": audiences,
            "exp": expires,
            "iat": now,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {
                "namespace": meta["namespace"],
                "serviceaccount": {"name": meta["name"], "uid": meta["uid"]},
            },
            "nbf": now,
            "sub": user_name(meta["namespace"], meta["name"]),
        }

    async def _bound(self, namespace: str, account: str, reference: Object | None) -> Object:
        """The claims a boundObjectRef adds; refused when the object is gone, is another, or is another account's pod."""
        if not reference:
            return {}
        kind = BINDABLE.get((reference.get("apiVersion", ""), reference.get("kind", "")))
        name, uid = reference.get("name", ""), reference.get("uid", "")
        if kind is None:
            said = f'cannot bind token for serviceaccount "{account}" to object "{reference.get("kind", "")}"'
            raise ApiError(400, "BadRequest", f"{said}: only Pod, Secret and Node of v1 can be bound")
        found = await find(self._reader, kind, namespace if kind.namespaced else "", name)
        if found is None:
            raise not_found(kind.plural, name)
        if uid and uid != found["metadata"]["uid"]:
            said = f"the UID in the bound object reference ({uid}) does not match the UID in record"
            raise conflict(kind.plural, name, said)
        if kind is POD:
            return self._pod_claims(account, found)
        return {kind.singular_name: _reference(found)}

    def _pod_claims(self, account: str, pod: Object) -> Object:
        if pod["spec"].get("serviceAccountName") != account:
            said = (
                f'cannot bind token for serviceaccount "{account}" to pod running with different serviceaccount name.'
            )
            raise ApiError(400, "BadRequest", said)
        claims: Object = {"pod": _reference(pod)}
        node = pod["spec"].get("nodeName")
        if node:
            known = self._reader.get(NODE, "", node)
            claims["node"] = _reference(known) if known else {"name": node}
        return claims


def _reference(obj: Object) -> Object:
    return {"name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]}


def _seconds(spec: dict[str, Any]) -> int:
    seconds = spec.get("expirationSeconds")
    if seconds is None:
        return DEFAULT_SECONDS
    wrong = ""
    if seconds < LEAST_SECONDS:
        wrong = "may not specify a duration less than 10 minutes"
    elif seconds > MOST_SECONDS:
        wrong = "may not specify a duration larger than 2^32 seconds"
    if wrong:
        cause = Cause("FieldValueInvalid", f"Invalid value: {seconds}: {wrong}", "spec.expirationSeconds")
        raise invalid("TokenRequest", "", [cause], GROUP)
    return int(seconds)
