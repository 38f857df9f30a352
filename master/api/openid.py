"""OpenID discovery: the two documents by which others verify service accounts' tokens (RFC 8414, RFC 7517)."""

from __future__ import annotations

import orjson
from aiohttp import web

from master.api.authn.issuing import TokenIssuer
from master.api.calls import respond
from master.api.contract import Object
from master.api.handling import Document
from master.api.routing import Query

KEYS = "application/jwk-set+json"


def documents(issuer: TokenIssuer, address: str) -> dict[str, Document]:
    """Path → document; `address` is the host and port that clients of this master know."""
    return {
        "/.well-known/openid-configuration": _serving(issuer.discovery(f"https://{address}"), "application/json"),
        "/openid/v1/jwks": _serving(issuer.jwks(), KEYS),
    }


def _serving(content: Object, media: str) -> Document:
    body = orjson.dumps(content)

    async def serve(_request: web.BaseRequest, _query: Query) -> web.StreamResponse:
        return respond(body, 200, media)

    return serve
