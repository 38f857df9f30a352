"""One version of a custom kind: its schema, compiled when it is first needed, and what hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from kube.apply import custom_type
from kube.errors import Cause
from kube.kinds import Kind
from master.api.customs import scaling
from master.api.customs.columns import columns
from master.api.customs.defaulting import completer
from master.api.customs.judging import Judge, judge
from master.api.customs.paths import members
from master.api.customs.pruning import pruner
from master.api.tables.columns import Column

Object = dict[str, Any]


class CustomVersion:
    """`kube.kinds.Custom` of a version of a definition."""

    def __init__(
        self,
        definition: Object,
        version: Object,
        indexed: tuple[str, ...],
        deprecation: str,
        siblings: Sequence[Kind],
    ) -> None:
        self.schema: Object = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        self.subresources: Object = version.get("subresources") or {}
        self.version = version
        self.api_version = f"{definition['spec']['group']}/{version['name']}"
        self.is_stored = bool(version.get("storage"))
        conversion = definition["spec"].get("conversion") or {}
        self.webhook: Object | None = conversion.get("webhook") if conversion.get("strategy") == "Webhook" else None
        self.siblings = siblings
        self.indexed = indexed
        self.deprecation = deprecation

    @cached_property
    def selectable(self) -> tuple[str, ...]:
        return tuple(".".join(members(field["jsonPath"])) for field in self.version.get("selectableFields") or ())

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        return columns(self.version.get("additionalPrinterColumns") or ())

    @cached_property
    def owned(self) -> Any:
        return custom_type(self.schema)

    @cached_property
    def _pruner(self) -> Any:
        return pruner(self.schema, root=True)

    @cached_property
    def _completer(self) -> Any:
        return completer(self.schema, root=True)

    @cached_property
    def _judge(self) -> Judge:
        return judge(self.schema, self.subresources.get("scale"))

    def prune(self, obj: Object) -> list[str]:
        removed: list[str] = []
        self._pruner(obj, "", removed)
        return removed

    def complete(self, obj: Object) -> None:
        if self._completer is not None:
            self._completer(obj)

    def present(self, obj: Object) -> Object:
        obj["apiVersion"] = self.api_version
        self.prune(obj)
        self.complete(obj)
        return obj

    def problems(self, obj: Object, old: Object | None, subresource: str) -> list[Cause]:
        return self._judge(obj, old, subresource)

    def counts(self, obj: Object) -> tuple[int | None, int, str]:
        return scaling.counts(self.subresources["scale"], obj)

    def scale(self, obj: Object, replicas: int) -> None:
        scaling.write(self.subresources["scale"], obj, replicas)
