"""PersistentVolumeClaimResize: a claim grows once it is bound, and where its class says that volumes can."""

from __future__ import annotations

from kube import quantities
from master.api.admission.plugin import Plugin, concerns, refusal
from master.api.admission.storage_class import OLD_NAME
from master.api.contract import Attributes, Object, Reader
from master.api.rows import PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS

UNBOUND = "Only bound persistent volume claims can be expanded"
FIXED = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


class ClaimResize(Plugin):
    name = "PersistentVolumeClaimResize"
    kinds = frozenset({PERSISTENT_VOLUME_CLAIM})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def validate(self, attributes: Attributes) -> None:
        new, old = attributes.object, attributes.old
        if new is None or old is None or not concerns(attributes, PERSISTENT_VOLUME_CLAIM, "UPDATE"):
            return
        if _asked(new) <= _asked(old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise refusal(attributes, UNBOUND)
        if not self._grows(new):
            raise refusal(attributes, FIXED)

    def _grows(self, claim: Object) -> bool:
        named = (claim["metadata"].get("annotations") or {}).get(OLD_NAME) or claim["spec"].get("storageClassName")
        found = self._reader.get(STORAGE_CLASS, "", named) if named else None
        return bool(found and found.get("allowVolumeExpansion"))


def _asked(claim: Object) -> int:
    amount = ((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0")
    return quantities.parse(amount).nanos
