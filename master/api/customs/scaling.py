"""The scale subresource of a custom kind: where its definition says the replicas and the selector lie."""

from __future__ import annotations

from typing import Any

from master.api.customs.paths import at, members
from master.api.validation.problems import Path, Problems

Object = dict[str, Any]

WANTED, PRESENT, SELECTOR = "specReplicasPath", "statusReplicasPath", "labelSelectorPath"
_GO_TYPES = {str: "string", float: "float64", bool: "bool", dict: "map[string]interface {}", list: "[]interface {}"}


def read(scale: Object, obj: Object, path: str) -> Any:
    """What lies at the path of that name; None where nothing does."""
    return at(obj, members(scale[path])) if scale.get(path) else None


def counts(scale: Object, obj: Object) -> tuple[int | None, int, str]:
    """The replicas wanted and present, and the selector's text."""
    return read(scale, obj, WANTED), read(scale, obj, PRESENT) or 0, read(scale, obj, SELECTOR) or ""


def write(scale: Object, obj: Object, replicas: int) -> None:
    *parents, last = members(scale[WANTED])
    for name in parents:
        obj = obj.setdefault(name, {})
    obj[last] = replicas


def check(scale: Object, obj: Object, out: Problems) -> None:
    """Counts that cannot be counted; causes lie where the definition's own words point."""
    for name in (WANTED, PRESENT):
        path = scale.get(name)
        found = read(scale, obj, name)
        if not path or found is None:
            continue
        if type(found) is not int:
            said = f"{path} accessor error: {_shown(found)} is of the type {_GO_TYPES[type(found)]}, expected int64"
            out.invalid(_Literal(path), 0, said)
        elif found < 0:
            out.invalid(_Literal(path), found, "should be a non-negative integer")


def _shown(value: Any) -> str:
    return str(value).lower() if type(value) is bool else str(value)


class _Literal(Path):
    """A path as the definition wrote it, with its leading dot."""

    def __str__(self) -> str:
        return str(self.step)
