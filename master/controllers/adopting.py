"""Taking in orphans and letting go what matches no more, whatever kind owns whatever kind; `claiming` decides, this writes."""

from __future__ import annotations

from kube.errors import ApiError
from kube.informers import Index, Informer
from kube.kinds import Kind
from master.controllers.claiming import Matches, claims
from master.controllers.context import Context
from master.controllers.objects import Object, controller_uid, is_deleting, key_of, owner_reference


def owners(obj: Object) -> list[tuple[str, str]]:
    """What objects are found by: their controller's uid, or their namespace where they have none."""
    uid = controller_uid(obj)
    return [("owner", uid)] if uid else [("orphan", obj["metadata"].get("namespace", ""))]


class Dependents:
    """The objects of one kind, `informer.kind`, that owners of another control."""

    def __init__(self, context: Context, row: Kind, informer: Informer) -> None:
        self.informer = informer
        self._row, self._client = row, context.client
        self._by_owner = Index(informer, owners)

    def of(self, owner: Object) -> list[Object]:
        return self._by_owner.get(("owner", owner["metadata"]["uid"]))

    async def claim(self, owner: Object, matches: Matches, finalizer: str = "") -> list[Object]:
        """The owner's, with orphans that match taken in and what matches no more let go; `finalizer` marks its own."""
        orphans = self._by_owner.get(("orphan", owner["metadata"]["namespace"]))
        found = claims(owner, matches, self.of(owner), orphans)
        adopted = []
        if found.adopt and await self._lives(owner):
            reference = owner_reference(self._row, owner)
            adopted = [await self._hand(item, [*_references(item), reference], added=finalizer) for item in found.adopt]
        for item in found.release:
            others = [one for one in _references(item) if one["uid"] != owner["metadata"]["uid"]]
            await self._hand(item, others, dropped=finalizer)
        return [*found.kept, *adopted]

    async def _lives(self, owner: Object) -> bool:
        """Asked of the API: an owner that is being deleted while its dependents are orphaned must not take them back."""
        try:
            live = await self._client.get(self._row, *key_of(owner))
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return live["metadata"]["uid"] == owner["metadata"]["uid"] and not is_deleting(live)

    async def _hand(self, item: Object, references: list[Object], added: str = "", dropped: str = "") -> Object:
        """Write whose the object is, over the very object that was seen."""
        meta = item["metadata"]
        change: Object = {"uid": meta["uid"], "ownerReferences": references or None}
        if added or dropped:
            kept = [name for name in meta.get("finalizers") or () if name not in (added, dropped)]
            change["finalizers"] = [*kept, *filter(None, (added,))] or None
        return await self._client.patch(self.informer.kind, *key_of(item), {"metadata": change})


def _references(item: Object) -> list[Object]:
    return item["metadata"].get("ownerReferences") or []
