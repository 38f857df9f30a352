"""All authenticators in order: the first that knows the caller speaks; who is known is `system:authenticated`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kube.errors import unauthorized
from master.api.contract import Authenticator, Credentials, UserInfo

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = UserInfo("system:anonymous", (UNAUTHENTICATED,))
ANONYMOUS_PATHS = ("/healthz", "/livez", "/readyz", "/version")


class Union:
    def __init__(self, authenticators: Sequence[Authenticator]) -> None:
        self._authenticators = authenticators

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """None: nothing was shown.  ApiError 401: what was shown is bad; a bad token is never taken for no token."""
        if credentials.token is not None and not credentials.token.isascii():
            raise unauthorized("invalid bearer token")
        for authenticator in self._authenticators:
            user = await authenticator.authenticate(credentials)
            if user is not None:
                return with_authenticated(user)
        if credentials.token is not None:
            raise unauthorized("invalid bearer token")
        return None


def with_authenticated(user: UserInfo) -> UserInfo:
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))


def anonymous(path: str) -> UserInfo | None:
    """Who a caller without credentials is at this path: somebody at the health paths only."""
    parts = path.rstrip("/")
    if any(parts == allowed or parts.startswith(allowed + "/") for allowed in ANONYMOUS_PATHS):
        return ANONYMOUS
    return None
