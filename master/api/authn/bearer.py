"""The bearer token of a request: in its Authorization header or, since a browser's WebSocket cannot set one, in a protocol.

Such a WebSocket offers `base64url.bearer.authorization.k8s.io.` with the token behind it beside the protocol it means to
speak (kubernetes.io/docs/reference/access-authn-authz/authentication); the token goes no further than here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Protocol

from kube.errors import unauthorized

PREFIX = "base64url.bearer.authorization.k8s.io."
PROTOCOL = "Sec-WebSocket-Protocol"


class Headers(Protocol):
    """Headers that may be given several times."""

    def get(self, key: str) -> str | None: ...
    def getall(self, key: str, default: list[str]) -> list[str]: ...


def token_of(headers: Headers) -> str | None:
    """None where none is shown; ApiError 401 for a protocol that holds no token."""
    given = headers.get("Authorization")
    if given is not None:
        return given[7:].strip() if given[:7].lower() == "bearer " else None
    offered = headers.getall(PROTOCOL, [])
    return _offered_token(offered) if offered else None


def protocols_of(headers: Headers) -> list[str]:
    """The protocols that a WebSocket offers to speak, without the token among them."""
    return [word for word in _words(headers.getall(PROTOCOL, [])) if not word.startswith(PREFIX)]


def passed_on(headers: Headers) -> dict[str, str]:
    """The header that offers them further on; none where there are none."""
    return {PROTOCOL: ", ".join(found)} if (found := protocols_of(headers)) else {}


def _offered_token(offered: list[str]) -> str | None:
    words = _words(offered)
    tokens = [word.removeprefix(PREFIX) for word in words if word.startswith(PREFIX)]
    if not tokens:
        return None
    if len(tokens) > 1 or len(words) == 1:
        raise unauthorized("a WebSocket offers one bearer token, beside another protocol")
    try:
        return base64.b64decode(tokens[0] + "=" * (-len(tokens[0]) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise unauthorized("the WebSocket's bearer token is no base64url") from error


def _words(values: Iterable[str]) -> list[str]:
    return [word.strip() for value in values for word in value.split(",") if word.strip()]
