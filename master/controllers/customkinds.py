"""The kinds that definitions name, for controllers that look at objects of every kind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from kube.kinds import Kind
from master.controllers.context import DEFINITION, Context
from master.controllers.objects import Object

OnObject = Callable[[Kind, str, Any, Any], None]
"""(kind, event's type, the object before, and now)"""


class CustomKinds:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._definitions = context.informer(DEFINITION)

    def rows(self) -> list[Kind]:
        """One version of each custom kind."""
        return [row for definition in self._definitions.store.values() if (row := first_row(definition))]

    def find(self, api_version: str, kind: str) -> Kind | None:
        every = (row for definition in self._definitions.store.values() for row in rows(definition))
        return next((row for row in every if (row.api_version, row.kind) == (api_version, kind)), None)

    def on_object(self, changed: OnObject) -> None:
        """Told of every change of an object of these kinds, from when its definition stands until it goes."""

        def follow(_event: str, old: Any, new: Any) -> None:
            before, now = first_row(old), first_row(new)
            if before == now:
                return
            if before is not None:
                self._context.unfollow(before)
            if now is not None:
                self._context.follow(now).on_change(partial(changed, now))

        self._definitions.on_change(follow)


def first_row(definition: Object | None) -> Kind | None:
    return next(iter(rows(definition)), None) if definition is not None else None


def rows(definition: Object) -> list[Kind]:
    """The kind in each version it is served in; none before it is established."""
    spec, conditions = definition["spec"], (definition.get("status") or {}).get("conditions") or ()
    if not any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
        return []
    names, namespaced = spec["names"], spec["scope"] == "Namespaced"
    return [
        Kind(spec["group"], version["name"], names["kind"], names["plural"], namespaced=namespaced)
        for version in spec["versions"]
        if version.get("served")
    ]
