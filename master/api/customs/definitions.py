"""From a CustomResourceDefinition to the kinds it stands for: pure.

A kind is served once the definition is Established; while it is Terminating nothing new is created.  The first of its
kinds is the version that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kube.kinds import Kind, Subresource, known
from master.api.customs.paths import members
from master.api.customs.versions import CustomVersion

Object = dict[str, Any]

DEFINITION = known("apiextensions.k8s.io/v1", "CustomResourceDefinition")
ESTABLISHED, NAMES_ACCEPTED, TERMINATING = "Established", "NamesAccepted", "Terminating"

VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
STATUS = Subresource("status")
SCALE = Subresource("scale", "Scale", "autoscaling/v1")


def condition(definition: Object, type: str) -> Object | None:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == type), None)


def holds(definition: Object, type: str) -> bool:
    found = condition(definition, type)
    return found is not None and found.get("status") == "True"


def kinds_of(definition: Object) -> list[Kind]:
    """The kinds to serve, the newest version first; none before the definition is established."""
    kinds: list[Kind] = []
    kinds += [_kind(definition, version, kinds) for version in in_order(definition) if version.get("served")]
    return kinds


def stored_kind(definition: Object) -> Kind:
    """The kind objects are stored as, served or not."""
    return _kind(definition, next(version for version in definition["spec"]["versions"] if version.get("storage")), ())


def in_order(definition: Object) -> list[Object]:
    """The versions as clients prefer them: v2 before v1, stable before beta before alpha, others last by name."""
    return sorted(definition["spec"]["versions"], key=lambda version: _rank(version["name"]))


def _rank(name: str) -> tuple[int, int, int, str]:
    found = re.fullmatch(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?", name)
    if found is None:
        return (3, 0, 0, name)
    major, stage, minor = found.groups()
    return ({None: 0, "beta": 1, "alpha": 2}[stage], -int(major), -int(minor or 0), "")


def _kind(definition: Object, version: Object, siblings: Sequence[Kind]) -> Kind:
    """`siblings` are all versions that are served; it may fill later."""
    spec, names = definition["spec"], accepted_names(definition)
    parts = version.get("subresources") or {}
    ended = holds(definition, TERMINATING)
    return Kind(
        spec["group"],
        version["name"],
        names["kind"],
        names["plural"],
        namespaced=spec["scope"] == "Namespaced",
        singular=names.get("singular") or "",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=tuple(verb for verb in VERBS if not (ended and verb == "create")),
        subresources=(STATUS,) * ("status" in parts) + (SCALE,) * ("scale" in parts),
        prefix=f"{spec['group']}/{names['plural']}",
        listed_as=names.get("listKind") or "",
        custom=CustomVersion(definition, version, _indexed(definition), _deprecation(definition, version), siblings),
    )


def accepted_names(definition: Object) -> Object:
    """The names that no other definition has: what is served under."""
    names: Object = (definition.get("status") or {}).get("acceptedNames") or {}
    return names if names.get("plural") else definition["spec"]["names"]


def _indexed(definition: Object) -> tuple[str, ...]:
    """Every field that some version can be selected by."""
    found = [field for version in definition["spec"]["versions"] for field in selectable(version)]
    return tuple(dict.fromkeys(found))


def selectable(version: Object) -> tuple[str, ...]:
    return tuple(".".join(members(field["jsonPath"])) for field in version.get("selectableFields") or ())


def _deprecation(definition: Object, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    if version.get("deprecationWarning"):
        return str(version["deprecationWarning"])
    group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
    said = f"{group}/{version['name']} {kind} is deprecated"
    for other in in_order(definition):
        if other.get("served") and not other.get("deprecated") and _rank(other["name"]) < _rank(version["name"]):
            return f"{said}; use {group}/{other['name']} {kind}"
    return said
