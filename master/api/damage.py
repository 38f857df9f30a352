"""Events about the store's file: what was found wrong with it, and what was done."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, Protocol

from kube.errors import ApiError
from kube.events import EVENT, WARNING, About, Said, body
from kube.kinds import Kind
from master.api.contract import Object

log = logging.getLogger(__name__)

COMPONENT = "wherry-store"
ABOUT = About("v1", "Namespace", "", "kube-system", "")
"""The store is no object; what holds the cluster's own things stands for it."""
RESTORED, DAMAGED = "StoreRestored", "StoreDamaged"


class Creating(Protocol):
    async def create(self, kind: Kind, namespace: str, obj: Object) -> Any: ...


@dataclass(frozen=True, slots=True)
class Damage:
    objects: Creating

    async def found(self, what: str) -> None:
        await self.tell(DAMAGED, f"{what}; the next start of the master mends it")

    async def mended(self, what: str) -> None:
        await self.tell(RESTORED, what)

    async def tell(self, reason: str, message: str) -> None:
        event = body(Said(ABOUT, WARNING, reason, message), COMPONENT, "", f"{ABOUT.name}.{time.time_ns():x}")
        try:
            await self.objects.create(EVENT, event["metadata"]["namespace"], event)
        except ApiError as error:
            log.info("event not written reason=%s: %s", reason, error)
