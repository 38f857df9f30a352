"""Writes what was found of each ValidatingAdmissionPolicy into its status, once for each generation."""

from __future__ import annotations

import asyncio
import logging

from kube.errors import ApiError
from kube.kinds import Kind, by_kind
from master.api.admission.policies import VALIDATING
from master.api.contract import Object
from master.api.options import Writing
from master.api.registry import Registry
from master.api.served import Served
from master.api.watchers import DELETED, Change

log = logging.getLogger(__name__)

OWN = Writing(manager="validatingadmissionpolicy-status")
PAUSE = 1.0
"""Seconds until a policy is looked at again whose status could not be written."""


class Reporting:
    def __init__(self, registry: Registry, served: Served) -> None:
        self._registry, self._served = registry, served
        self._cache = registry.cache
        self._waiting: dict[str, None] = {}
        self._woken = asyncio.Event()
        self._cache.listen(VALIDATING, self._changed)
        self._cache.reloaded.append(self._wake_all)
        self._wake_all()

    def _changed(self, change: Change) -> None:
        if change.type != DELETED:
            self._wake(change.entry.name)

    def _wake(self, name: str) -> None:
        self._waiting[name] = None
        self._woken.set()

    def _wake_all(self) -> None:
        for policy in self._cache.list(VALIDATING):
            self._wake(policy["metadata"]["name"])

    async def run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            waiting, self._waiting = self._waiting, {}
            for name in waiting:
                await self._report(name)

    async def _report(self, name: str) -> None:
        policy = self._cache.get(VALIDATING, "", name)
        if policy is None or _is_reported(policy):
            return
        try:
            await self._registry.update(VALIDATING, "", name, self._reported, OWN, "status")
        except ApiError as error:
            if error.status == 404:
                return
            log.warning("cannot write what was found of a policy name=%s: %s", name, error)
            asyncio.get_running_loop().call_later(PAUSE, self._wake, name)

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
