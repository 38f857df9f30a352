"""Namespace deletion: everything in it goes first, then the namespace's own finalizer.

How it works: a namespace that is being deleted is emptied kind by kind over all kinds the server offers (built-in and
defined), its pods before anything they may need to the end (KEP-5080).  What stays, by finalizers of its own or for a pod's
grace, is told in conditions and looked at again soon.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from kube import times
from kube.errors import ApiError
from kube.kinds import BUILT_IN, Kind
from master.controllers.context import POD, Context
from master.controllers.customkinds import CustomKinds
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_deleting, key_of, kind, set_condition

NAMESPACE = kind("v1", "Namespace")
FINALIZER = "kubernetes"
AGAIN = 1.0
DISCOVERY_FAILED = frozenset((404, 405))
"""Answers of a kind that is not served (any more): nothing of it can be left."""


def build(context: Context) -> Loop:
    return Namespaces(context).loop


def conditions(before: Sequence[Object], left: Counter[str], finalizers: Counter[str], now: datetime) -> list[Object]:
    """What keeps the namespace from going, in Kubernetes' words."""
    remaining = ", ".join(f"{name} has {count} resource instances" for name, count in sorted(left.items()))
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    rows = (
        ("NamespaceDeletionDiscoveryFailure", "", "ResourcesDiscovered", "All resources successfully discovered"),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "NamespaceDeletionContentFailure",
            "",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "NamespaceContentRemaining",
            f"Some resources are remaining: {remaining}" if left else "",
            "ContentRemoved",
            "All content successfully removed",
        ),
        (
            "NamespaceFinalizersRemaining",
            f"Some content in the namespace has finalizers remaining: {held}" if finalizers else "",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    )
    reasons = {
        "NamespaceContentRemaining": "SomeResourcesRemain",
        "NamespaceFinalizersRemaining": "SomeFinalizersRemain",
    }
    result = list(before)
    for type_, problem, reason, message in rows:
        said = {
            "type": type_,
            "status": "True" if problem else "False",
            "reason": reasons[type_] if problem else reason,
            "message": problem or message,
        }
        result = set_condition(result, said, times.text(now))
    return result


class Namespaces:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._namespaces = context.informer(NAMESPACE)
        self._customs = CustomKinds(context)
        self.loop = Loop("namespace-controller", self.reconcile, lambda: list(self._namespaces.store))
        self._namespaces.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))

    async def reconcile(self, key: Key) -> float | None:
        namespace = self._namespaces.store.get(key)
        if namespace is None or not is_deleting(namespace):
            return None
        if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
            return None
        left, finalizers = await self._empty(key[1], [POD])
        if not left:
            left, finalizers = await self._empty(key[1], self._kinds())
        if left:
            await self._tell(namespace, left, finalizers)
            return AGAIN
        await self._finalize(key[1])
        return None

    async def _empty(self, name: str, kinds: Sequence[Kind]) -> tuple[Counter[str], Counter[str]]:
        """Delete what is there; how much of each resource (PLURAL.GROUP) is left, and by which finalizers."""
        left: Counter[str] = Counter()
        finalizers: Counter[str] = Counter()
        for row in kinds:
            try:
                objects, _version = await self._client.list(row, name)
                if objects:
                    await self._client.delete_collection(row, name)
                    objects, _version = await self._client.list(row, name)
            except ApiError as error:
                if error.status not in DISCOVERY_FAILED:
                    raise
                continue
            if objects:
                left[f"{row.plural}.{row.group}"] = len(objects)
            for obj in objects:
                finalizers.update(obj["metadata"].get("finalizers") or ())
        return left, finalizers

    def _kinds(self) -> list[Kind]:
        return [row for row in (*BUILT_IN, *self._customs.rows()) if is_content(row)]

    async def _tell(self, namespace: Object, left: Counter[str], finalizers: Counter[str]) -> None:
        before = (namespace.get("status") or {}).get("conditions") or []
        after = conditions(before, left, finalizers, datetime.now(UTC))
        if after != before:
            change = {"status": {"conditions": after}}
            await self._client.patch(NAMESPACE, "", namespace["metadata"]["name"], change, subresource="status")

    async def _finalize(self, name: str) -> None:
        live = await self._client.get(NAMESPACE, "", name)
        live["spec"]["finalizers"] = [item for item in live["spec"].get("finalizers") or () if item != FINALIZER]
        await self._client.update(NAMESPACE, "", live, subresource="finalize")


def is_content(row: Kind) -> bool:
    """Kinds whose objects lie in namespaces; the second name of one kind (Event, v1 of autoscaling) is left out."""
    twice = row.group == "events.k8s.io" or (row.group, row.version) == ("autoscaling", "v1")
    return row.namespaced and row.stored and "deletecollection" in row.verbs and not twice
