"""Writes what was found of each ValidatingAdmissionPolicy into its status, once for each generation."""

from __future__ import annotations

from kube.errors import ApiError
from kube.kinds import Kind, by_kind
from master.api.admission.policies import VALIDATING
from master.api.contract import Object
from master.api.options import Writing
from master.api.registry import Registry
from master.api.served import Served
from master.api.settling import Settling
from master.api.watchers import DELETED, Change

OWN = Writing(manager="validatingadmissionpolicy-status")


class Reporting:
    def __init__(self, registry: Registry, served: Served) -> None:
        self._registry, self._served = registry, served
        self._cache = registry.cache
        self._settling = Settling("policies", self._report)
        self._cache.listen(VALIDATING, self._changed)
        self._cache.reloaded.append(self._wake_all)
        self._wake_all()

    async def run(self) -> None:
        await self._settling.run()

    def _changed(self, change: Change) -> None:
        if change.type != DELETED:
            self._settling.wake(change.entry.name)

    def _wake_all(self) -> None:
        for policy in self._cache.list(VALIDATING):
            self._settling.wake(policy["metadata"]["name"])

    async def _report(self, name: str) -> None:
        policy = self._cache.get(VALIDATING, "", name)
        if policy is None or _is_reported(policy):
            return
        try:
            await self._registry.update(VALIDATING, "", name, self._reported, OWN, "status")
        except ApiError as error:
            if error.status != 404:
                raise

    def _reported(self, policy: Object | None) -> Object:
        from master.api.admission.typechecking import warnings  # the language is loaded with the first policy

        found = warnings(policy or {}, self._served.find, self._params(policy or {}))
        status = {**((policy or {}).get("status") or {}), "observedGeneration": _generation(policy or {})}
        status["typeChecking"] = {"expressionWarnings": found} if found else {}
        return {**(policy or {}), "status": status}

    def _params(self, policy: Object) -> Kind | None:
        wanted = (policy.get("spec") or {}).get("paramKind")
        if not wanted:
            return None
        found = by_kind(wanted["apiVersion"], wanted["kind"])
        return found or self._cache.find_kind(wanted["apiVersion"], wanted["kind"])


def _generation(policy: Object) -> int:
    return int(policy["metadata"].get("generation", 0))


def _is_reported(policy: Object) -> bool:
    return (policy.get("status") or {}).get("observedGeneration") == _generation(policy)
