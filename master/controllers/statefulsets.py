"""StatefulSets: applies what `ordinals.plan` says; claims are made before their pod and kept, or not, as the set asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from master.controllers import ordinals
from master.controllers.claiming import selector_of, wakes
from master.controllers.context import Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_deleting, key_of, kind, status_patch
from master.controllers.ordinals import STATEFUL_SET, Revision
from master.controllers.podmaking import PodMaker, Words
from master.controllers.revisions import HASH_LABEL, Revisions, template_of

CLAIM = kind("v1", "PersistentVolumeClaim")
COMPONENT = "statefulset-controller"


def build(context: Context) -> Loop:
    return StatefulSets(context).loop


class StatefulSets:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._sets, self._claims = context.informer(STATEFUL_SET), context.informer(CLAIM)
        self._maker = PodMaker(context, STATEFUL_SET, COMPONENT, _worded("Create"), _worded("Delete"))
        self._revisions = Revisions(context, STATEFUL_SET)
        self._events = context.recorder(COMPONENT)
        self.loop = Loop(COMPONENT, self.reconcile, lambda: list(self._sets.store))
        self._sets.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._maker.pods.on_change(wakes(STATEFUL_SET, self._sets, selector_of, self.loop.add))

    async def reconcile(self, key: Key) -> float | None:
        owner = self._sets.store.get(key)
        if owner is None or is_deleting(owner) or not self._maker.has_seen(key):
            return None
        now, pods = datetime.now(UTC), await self._maker.claim(owner, ordinals.members(owner, selector_of(owner)))
        newest = await self._revisions.newest(owner)
        update = newest["metadata"]["name"]
        revision = Revision((owner.get("status") or {}).get("currentRevision") or update, update)
        todo = ordinals.plan(owner, pods, revision, now)
        await self._hand_claims(key, owner, pods)
        for pod in todo.delete:
            await self._maker.delete(key, owner, pod)
        for ordinal, name in todo.create:
            await self._create(key, owner, ordinal, name, newest)
        after, again = ordinals.status(owner, pods, revision, now)
        if change := status_patch(owner.get("status") or {}, after):
            await self._client.patch(STATEFUL_SET, *key, change, subresource="status")
        used = {pod["metadata"]["labels"].get(HASH_LABEL, "") for pod in pods} | set(revision)
        await self._revisions.clean(owner, used)
        return again

    async def _create(self, key: Key, owner: Object, ordinal: int, name: str, newest: Object) -> None:
        revisions = {item["metadata"]["name"]: item for item in (*self._revisions.of(owner), newest)}
        template = template_of(revisions.get(name, newest))
        pod = ordinals.new_pod(owner, template, ordinal, name)
        pod_name = pod["metadata"]["name"]
        for claim in ordinals.claims_of(owner, pod_name):
            await self._ensure_claim(key, owner, claim)
        subject = about(STATEFUL_SET, owner)
        refused = await self._maker.create(key, owner, pod)
        if refused:
            said = f"create Pod {pod_name} in StatefulSet {key[1]} failed error: {refused}"
            self._events.record(subject, WARNING, "FailedCreate", said)
            raise ApiError(500, "FailedCreate", refused)

    async def _ensure_claim(self, key: Key, owner: Object, claim: Object) -> None:
        name = claim["metadata"]["name"]
        if (key[0], name) in self._claims.store:
            return
        if references := ordinals.claim_owners(owner, claim):
            claim["metadata"]["ownerReferences"] = references
        try:
            await self._client.create(CLAIM, key[0], claim)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
            return
        said = f"create Claim {name} Pod {name.split('-', 1)[-1]} in StatefulSet {key[1]} success"
        self._events.record(about(STATEFUL_SET, owner), NORMAL, "SuccessfulCreate", said)

    async def _hand_claims(self, key: Key, owner: Object, pods: Sequence[Object]) -> None:
        """Write whom the claims go with, before any pod goes for good."""
        for pod in pods:
            condemned = ordinals.is_condemned(owner, pod)
            for wanted in ordinals.claims_of(owner, pod["metadata"]["name"]):
                claim = self._claims.store.get((key[0], wanted["metadata"]["name"]))
                if claim is None or is_deleting(claim):
                    continue
                references = ordinals.claim_owners(owner, claim, pod, condemned=condemned)
                if references != (claim["metadata"].get("ownerReferences") or []):
                    change = {"uid": claim["metadata"]["uid"], "ownerReferences": references or None}
                    await self._client.patch(CLAIM, *key_of(claim), {"metadata": change})


def _worded(verb: str) -> Words:
    """Events name the set too, which is the pod's name without its ordinal."""
    return lambda name: f"{verb} Pod {name} in StatefulSet {name.rpartition('-')[0]} successful"
