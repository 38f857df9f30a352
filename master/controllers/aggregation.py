"""RBAC aggregation: a ClusterRole with an aggregationRule has the rules of all roles that its selectors match."""

from __future__ import annotations

from collections.abc import Iterable

from kube import selectors
from master.controllers.context import Context
from master.controllers.loop import Loop
from master.controllers.objects import Object, key_of, kind

CLUSTER_ROLE = kind("rbac.authorization.k8s.io/v1", "ClusterRole")


def plan(role: Object, roles: Iterable[Object]) -> list[Object]:
    """The rules of the selected roles, each once, in the order of selectors and names."""
    ordered = sorted(roles, key=lambda item: str(item["metadata"]["name"]))
    rules: list[Object] = []
    for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
        compiled = selectors.from_object(selector)
        for other in ordered:
            if key_of(other) != key_of(role) and compiled.matches(other["metadata"].get("labels")):
                rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules


def build(context: Context) -> Loop:
    return Aggregation(context).loop


class Aggregation:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._roles = context.informer(CLUSTER_ROLE)
        self.loop = Loop("clusterrole-aggregation-controller", self.reconcile, self._aggregating)
        self._roles.on_change(self._changed)

    def _aggregating(self) -> list[str]:
        return [name for (_, name), role in self._roles.store.items() if role.get("aggregationRule")]

    async def reconcile(self, name: str) -> None:
        role = self._roles.store.get(("", name))
        if role is None or not role.get("aggregationRule"):
            return
        rules = plan(role, self._roles.store.values())
        if rules != (role.get("rules") or []):
            await self._client.patch(CLUSTER_ROLE, "", name, {"rules": rules})

    def _changed(self, _event: str, _old: Object | None, _new: Object | None) -> None:
        for name in self._aggregating():
            self.loop.add(name)
