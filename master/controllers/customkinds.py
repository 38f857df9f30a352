"""The kinds that definitions name, for controllers that look at objects of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube.kinds import Kind
from master.controllers.context import DEFINITION, Context
from master.controllers.objects import Object

Changed = Callable[[Kind | None, Kind | None], None]
"""(the kind a definition named before, the one it names now)"""


class CustomKinds:
    def __init__(self, context: Context) -> None:
        self._definitions = context.informer(DEFINITION)

    def rows(self) -> list[Kind]:
        """One version of each custom kind."""
        return [row for definition in self._definitions.store.values() if (row := first_row(definition))]

    def find(self, api_version: str, kind: str) -> Kind | None:
        every = (row for definition in self._definitions.store.values() for row in rows(definition))
        return next((row for row in every if (row.api_version, row.kind) == (api_version, kind)), None)

    def on_change(self, changed: Changed) -> None:
        def tell(_event: str, old: Any, new: Any) -> None:
            before, now = first_row(old), first_row(new)
            if before != now:
                changed(before, now)

        self._definitions.on_change(tell)


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
