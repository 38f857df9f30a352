"""NetworkPolicies: the addresses of the pods that they name, kept in slices for the nodes that apply them."""

from __future__ import annotations

from collections.abc import Iterable

from kube.errors import ApiError
from kube.informers import Index
from kube.policies import GROUP_LABEL, groups
from master.controllers import policies
from master.controllers.context import POD, Context
from master.controllers.endpoints import SLICE
from master.controllers.loop import Loop
from master.controllers.namespaces import NAMESPACE
from master.controllers.objects import Key, Object, key_of
from master.controllers.policies import POLICY

GATHERING = 0.02
"""Seconds that changes of pods are gathered, so that a burst costs one write."""


def build(context: Context) -> Loop:
    return Policing(context).loop


class Policing:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._policies, self._pods = context.informer(POLICY), context.informer(POD)
        self._namespaces, self._slices = context.informer(NAMESPACE), context.informer(SLICE)
        self._slices_of = Index(self._slices, _owner)
        self.loop = Loop("network-policy-controller", self.reconcile, lambda: list(self._policies.store), workers=2)
        self._policies.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._pods.on_change(lambda _event, old, new: self._pod_changed(list(filter(None, (old, new)))))
        self._namespaces.on_change(lambda *_change: self._all())
        self._slices.on_change(lambda _event, old, new: self._slice_changed(new or old))

    async def reconcile(self, key: Key) -> None:
        """A policy that has gone takes its slices along: they are its own."""
        policy = self._policies.store.get(key)
        if policy is None:
            return
        wanted = policies.slices(policy, self._pods.store.values(), self._labels())
        changes = policies.plan(wanted, self._slices_of.get(policy["metadata"]["uid"]))
        for item in changes.create:
            await self._client.create(SLICE, key[0], item)
        for item in changes.update:
            await self._client.update(SLICE, key[0], item)
        for item in changes.delete:
            await self._delete(item)

    async def _delete(self, item: Object) -> None:
        try:
            await self._client.delete(SLICE, *key_of(item), uid=item["metadata"]["uid"])
        except ApiError as error:
            if error.status != 404:
                raise

    def _labels(self) -> dict[str, dict[str, str]]:
        return {name: item["metadata"].get("labels") or {} for (_, name), item in self._namespaces.store.items()}

    def _pod_changed(self, states: Iterable[Object]) -> None:
        """Looks at the policies that name the pod as it was or as it is."""
        if not self._policies.store:
            return
        labels = self._labels()
        for key, policy in self._policies.store.items():
            if any(
                policies.named(policy, group, pod, labels.get(pod["metadata"]["namespace"], {}))
                for group in groups(policy).values()
                for pod in states
            ):
                self.loop.add_after(key, GATHERING)

    def _slice_changed(self, item: Object) -> None:
        """Somebody may have changed one of ours."""
        for uid in _owner(item):
            for key, policy in self._policies.store.items():
                if policy["metadata"]["uid"] == uid:
                    self.loop.add_after(key, GATHERING)

    def _all(self) -> None:
        for key in self._policies.store:
            self.loop.add_after(key, GATHERING)


def _owner(item: Object) -> list[str]:
    meta = item["metadata"]
    if GROUP_LABEL not in (meta.get("labels") or {}):
        return []
    return [reference["uid"] for reference in meta.get("ownerReferences") or ()]
