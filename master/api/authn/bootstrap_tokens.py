"""Bootstrap tokens, `abcdef.0123456789abcdef`: a Secret `bootstrap-token-abcdef` in kube-system lets a stranger ask to join."""

from __future__ import annotations

import base64
import hmac
import logging
import re
import time
from collections.abc import Callable, Mapping

from kube.times import parse as parse_time
from master.api.contract import Credentials, Object, Reader, UserInfo
from master.api.rows import SECRET

log = logging.getLogger(__name__)

SHAPE = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
GROUP = re.compile(r"system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]")
TYPE = "bootstrap.kubernetes.io/token"
BOOTSTRAPPERS = "system:bootstrappers"


class BootstrapTokens:
    def __init__(self, reader: Reader, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        match = SHAPE.fullmatch(credentials.token or "")
        if match is None:
            return None
        secret = self._reader.get(SECRET, "kube-system", f"bootstrap-token-{match[1]}")
        return user_of(secret, match[1], match[2], self._clock()) if secret else None


def user_of(secret: Object, token_id: str, token_secret: str, now: float) -> UserInfo | None:
    """The user this Secret lets in with this token, or None; what is wrong with the Secret is logged."""
    data = {key: base64.b64decode(value).decode(errors="replace") for key, value in (secret.get("data") or {}).items()}
    if secret.get("type") != TYPE or secret["metadata"].get("deletionTimestamp"):
        return None
    if data.get("token-id") != token_id or not hmac.compare_digest(data.get("token-secret", ""), token_secret):
        return None
    if data.get("usage-bootstrap-authentication") != "true" or _is_expired(data, now):
        return None
    groups = tuple(filter(None, (group.strip() for group in data.get("auth-extra-groups", "").split(","))))
    if wrong := [group for group in groups if not GROUP.fullmatch(group)]:
        log.warning("bootstrap token id=%s has groups that are not allowed: %s", token_id, ", ".join(wrong))
        return None
    return UserInfo(f"system:bootstrap:{token_id}", (BOOTSTRAPPERS, *groups))


def _is_expired(data: Mapping[str, str], now: float) -> bool:
    """A date that cannot be read has passed."""
    text = data.get("expiration", "")
    if not text:
        return False
    try:
        return parse_time(text).timestamp() <= now
    except ValueError:
        log.warning("bootstrap token id=%s has an unreadable expiration %r", data.get("token-id"), text)
        return True
