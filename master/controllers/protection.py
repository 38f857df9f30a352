"""Claims and volumes in use are not taken away: their finalizers go when nobody needs them any more.

A claim is in use while a pod that has a node and has not ended names it; a volume is while it is bound.  The server puts
the finalizers on; what was made without them gets them here.
"""

from __future__ import annotations

from collections.abc import Callable

from kube.informers import Index
from kube.kinds import Kind
from master.controllers.context import POD, Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_deleting, is_ended, key_of
from master.controllers.volumes import CLAIM, VOLUME

CLAIM_FINALIZER, VOLUME_FINALIZER = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"


def build_claims(context: Context) -> Loop:
    pods = context.informer(POD)
    users = Index(pods, claims_used)
    protection = Protection(
        context, "pvc-protection-controller", CLAIM, CLAIM_FINALIZER, lambda claim: key_of(claim) in users
    )

    def pod_changed(_event: str, old: Object | None, new: Object | None) -> None:
        for key in claims_used(old or {}) if old is not None else ():
            if new is None or key not in claims_used(new):
                protection.loop.add(key)

    pods.on_change(pod_changed)
    return protection.loop


def build_volumes(context: Context) -> Loop:
    return Protection(context, "pv-protection-controller", VOLUME, VOLUME_FINALIZER, is_bound).loop


def is_bound(volume: Object) -> bool:
    return (volume.get("status") or {}).get("phase") == "Bound"


def claims_used(pod: Object) -> list[Key]:
    """The claims that a pod's node may have mounted."""
    if not pod["spec"].get("nodeName") or is_ended(pod):
        return []
    meta = pod["metadata"]
    return [(meta["namespace"], name) for name in claim_names(pod)]


def claim_names(pod: Object) -> list[str]:
    """The claims of a pod's volumes, also those that are made for it."""
    names = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            names.append(volume["persistentVolumeClaim"]["claimName"])
        elif "ephemeral" in volume:
            names.append(f"{pod['metadata']['name']}-{volume['name']}")
    return names


class Protection:
    def __init__(
        self, context: Context, name: str, row: Kind, finalizer: str, in_use: Callable[[Object], bool]
    ) -> None:
        self._client, self._row, self._finalizer, self._in_use = context.client, row, finalizer, in_use
        self._objects = context.informer(row)
        self.loop = Loop(name, self.reconcile, lambda: list(self._objects.store), workers=1)
        self._objects.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))

    async def reconcile(self, key: Key) -> None:
        obj = self._objects.store.get(key)
        if obj is None:
            return
        has = self._finalizer in (obj["metadata"].get("finalizers") or ())
        if is_deleting(obj):
            if has and not self._in_use(obj):
                await self._write(obj, ())
        elif not has:
            await self._write(obj, (self._finalizer,))

    async def _write(self, obj: Object, added: tuple[str, ...]) -> None:
        """Over the very version that was seen: somebody else's finalizer is never lost."""
        meta = obj["metadata"]
        kept = [name for name in meta.get("finalizers") or () if name != self._finalizer]
        change = {"resourceVersion": meta["resourceVersion"], "finalizers": [*kept, *added] or None}
        await self._client.patch(self._row, *key_of(obj), {"metadata": change})
