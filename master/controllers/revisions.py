"""Revisions of a template, kept as ControllerRevisions: what `kubectl rollout history` and `undo` read.

Used by DaemonSets and StatefulSets.  The data of a revision is the patch that puts its template back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kube.client import Client
from kube.errors import ApiError
from kube.kinds import Kind
from master.controllers.adopting import Dependents
from master.controllers.claiming import by_labels, selector_of
from master.controllers.context import Context
from master.controllers.objects import Object, controller_uid, key_of, kind, owner_reference
from master.controllers.rollouts import template_hash

CONTROLLER_REVISION = kind("apps/v1", "ControllerRevision")
HASH_LABEL = "controller-revision-hash"


def data_of(template: Object) -> Object:
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def template_of(revision: Object) -> Object:
    template = dict(revision["data"]["spec"]["template"])
    template.pop("$patch", None)
    return template


def new_revision(owner: Object, row: Kind, number: int, collisions: int) -> Object:
    template = owner["spec"]["template"]
    mark = template_hash(template, collisions)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: mark}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{owner['metadata']['name']}-{mark}",
            "labels": labels,
            "ownerReferences": [owner_reference(row, owner)],
        },
        "data": data_of(template),
        "revision": number,
    }


def expired(revisions: Sequence[Object], used: Collection[str], limit: int) -> list[Object]:
    """The oldest beyond the limit, of those that no pod and no status names."""
    unused = [item for item in revisions if item["metadata"]["name"] not in used]
    unused.sort(key=_number)
    return unused[: max(0, len(unused) - limit)]


def _number(revision: Object) -> int:
    return int(revision["revision"])


class Revisions:
    """The revisions of one kind of owner."""

    def __init__(self, context: Context, row: Kind) -> None:
        self._client: Client = context.client
        self._row = row
        self._owned = Dependents(context, row, context.informer(CONTROLLER_REVISION))

    def of(self, owner: Object) -> list[Object]:
        return self._owned.of(owner)

    async def newest(self, owner: Object) -> Object:
        """The revision of the present template: made, taken over from nobody, or raised above the others, as needed."""
        known = await self._owned.claim(owner, by_labels(selector_of(owner)))
        highest = max(map(_number, known), default=0)
        wanted = data_of(owner["spec"]["template"])
        newest = max((item for item in known if item["data"] == wanted), key=_number, default=None)
        if newest is None:
            return await self._create(owner, highest + 1)
        change: Object = {}
        if _number(newest) < highest:
            change["revision"] = highest + 1
        if HASH_LABEL not in (newest["metadata"].get("labels") or {}):
            change["metadata"] = {"labels": {HASH_LABEL: newest["metadata"]["name"]}}
        return await self._client.patch(CONTROLLER_REVISION, *key_of(newest), change) if change else newest

    async def clean(self, owner: Object, used: Collection[str]) -> None:
        limit = owner["spec"].get("revisionHistoryLimit", 10)
        for item in expired(self.of(owner), used, limit):
            await self._client.delete(CONTROLLER_REVISION, *key_of(item), uid=item["metadata"]["uid"])

    async def _create(self, owner: Object, number: int) -> Object:
        namespace = owner["metadata"]["namespace"]
        collisions = (owner.get("status") or {}).get("collisionCount", 0)
        while True:
            made = new_revision(owner, self._row, number, collisions)
            try:
                return await self._client.create(CONTROLLER_REVISION, namespace, made)
            except ApiError as error:
                if error.reason != "AlreadyExists":
                    raise
            present = await self._client.get(CONTROLLER_REVISION, namespace, made["metadata"]["name"])
            if controller_uid(present) == owner["metadata"]["uid"] and present["data"] == made["data"]:
                return present
            collisions += 1
