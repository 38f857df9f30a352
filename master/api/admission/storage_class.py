"""DefaultStorageClass: a claim that names no class gets the default one, the newest where several are marked."""

from __future__ import annotations

from master.api.admission.plugin import Plugin, concerns
from master.api.contract import Attributes, Object, Reader
from master.api.rows import PERSISTENT_VOLUME_CLAIM, STORAGE_CLASS

MARKS = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
OLD_NAME = "volume.beta.kubernetes.io/storage-class"


class DefaultStorageClass(Plugin):
    name = "DefaultStorageClass"
    kinds = frozenset({PERSISTENT_VOLUME_CLAIM})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None or not concerns(attributes, PERSISTENT_VOLUME_CLAIM, "CREATE"):
            return
        claim = attributes.object
        named = claim["spec"].get("storageClassName") is not None
        if named or OLD_NAME in (claim["metadata"].get("annotations") or {}):
            return
        marked = sorted(
            filter(_is_marked, self._reader.list(STORAGE_CLASS)), key=lambda each: str(each["metadata"]["name"])
        )
        if marked:
            newest = max(marked, key=lambda each: str(each["metadata"].get("creationTimestamp", "")))
            claim["spec"]["storageClassName"] = newest["metadata"]["name"]


def _is_marked(storage_class: Object) -> bool:
    annotations = storage_class["metadata"].get("annotations") or {}
    return any(annotations.get(mark) == "true" for mark in MARKS)
