"""StorageObjectInUseProtection: claims and volumes are born with the finalizer that keeps them while they are in use."""

from __future__ import annotations

from master.api.admission.plugin import Plugin, concerns
from master.api.contract import Attributes
from master.api.rows import PERSISTENT_VOLUME, PERSISTENT_VOLUME_CLAIM

FINALIZERS = {
    PERSISTENT_VOLUME_CLAIM: "kubernetes.io/pvc-protection",
    PERSISTENT_VOLUME: "kubernetes.io/pv-protection",
}


class StorageProtection(Plugin):
    name = "StorageObjectInUseProtection"
    kinds = frozenset(FINALIZERS)

    async def mutate(self, attributes: Attributes) -> None:
        for row, finalizer in FINALIZERS.items():
            if attributes.object is not None and concerns(attributes, row, "CREATE"):
                meta = attributes.object["metadata"]
                if finalizer not in (meta.get("finalizers") or ()):
                    meta["finalizers"] = [*(meta.get("finalizers") or ()), finalizer]
