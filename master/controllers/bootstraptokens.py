"""The cleaner of bootstrap tokens: a token Secret in kube-system is deleted when its `expiration` has passed."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from kube import times
from kube.informers import Informer
from master.controllers.context import Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, key_of, kind

SECRET = kind("v1", "Secret")
TYPE = "bootstrap.kubernetes.io/token"


def plan(secret: Object, now: datetime) -> float | None:
    """Seconds until the token expires (0: it has), None when it never does or the date cannot be read."""
    try:
        expiration = base64.b64decode(secret.get("data", {}).get("expiration", "")).decode()
        return max(0.0, (times.parse(expiration) - now).total_seconds()) if expiration else None
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None


def build(context: Context) -> Loop:
    return TokenCleaner(context).loop


class TokenCleaner:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._secrets = context.also(Informer(context.client, SECRET, "kube-system", fields=f"type={TYPE}"))
        self.loop = Loop("token-cleaner", self.reconcile, lambda: list(self._secrets.store), workers=1)
        self._secrets.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))

    async def reconcile(self, key: Key) -> float | None:
        secret = self._secrets.store.get(key)
        if secret is None:
            return None
        left = plan(secret, datetime.now(UTC))
        if left == 0:
            await self._client.delete(SECRET, *key, uid=secret["metadata"]["uid"])
            return None
        return left
