"""What an admission policy's expressions would meet in the kinds it names: warnings, as upstream words them.  Pure.

A policy may speak of fields that some of its kinds do not have, so nothing is refused for it.  Wildcards and subresources
are not looked at, nor more than ten kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from kube import schemas
from kube.kinds import Kind
from kube.schemas import Shape
from master.api.cel import CompileError, compile
from master.api.cel.values import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Type,
    list_of,
    map_of,
)
from master.api.contract import Object
from master.api.customs.types import escaped, type_of_schema

MOST = 10
FindKind = Callable[[str, str, str], Kind | None]
_FORMS = {"string": STRING, "int32": INT, "int64": INT, "double": DOUBLE, "bytes": BYTES, "boolean": BOOL}
_VALUES = {schemas.TIME: TIMESTAMP, schemas.MICRO_TIME: TIMESTAMP}


def warnings(policy: Object, find: FindKind, params: Kind | None) -> list[Object]:
    """`status.typeChecking.expressionWarnings` of a ValidatingAdmissionPolicy; `params` is the kind of its parameters."""
    spec = policy.get("spec") or {}
    kinds = list(islice(kinds_of(spec, find), MOST))
    found = []
    for number, rule in enumerate(spec.get("validations") or ()):
        for field in ("expression", "messageExpression"):
            said = [words for kind in kinds if (words := _problem(rule.get(field), spec, kind, params))]
            if said:
                found.append({"fieldRef": f"spec.validations[{number}].{field}", "warning": "\n".join(said)})
    return found


def kinds_of(spec: Object, find: FindKind) -> Iterator[Kind]:
    """The kinds that the policy's rules name one by one."""
    seen = set()
    for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ():
        words = [rule.get(field) or () for field in ("apiGroups", "apiVersions", "resources")]
        for group, version, resource in product(*words):
            kind = None if "*" in (group, version) or "/" in resource else find(group, version, resource)
            if kind is not None and kind not in seen:
                seen.add(kind)
                yield kind


def _problem(text: str | None, spec: Object, kind: Kind, params: Kind | None) -> str:
    if not text:
        return ""
    try:
        _compile(text, variables(spec, kind, params))
    except CompileError as error:
        return f"{kind.group}/{kind.version}, Kind={kind.kind}: {error}"
    return ""


def variables(spec: Object, kind: Kind, params: Kind | None) -> Mapping[str, Type]:
    """The names expressions may use over an object of the kind, with their types."""
    from master.api.admission.authorizing import AUTHORIZER

    own = type_of_kind(kind)
    types = {"object": own, "oldObject": own, "request": DYN, "namespaceObject": DYN, "authorizer": AUTHORIZER}
    types["params"] = type_of_kind(params) if params is not None else DYN
    declared: dict[str, tuple[str, Type]] = {}
    types["variables"] = Type("object", fields=declared)
    for variable in spec.get("variables") or ():
        try:
            found = _compile(variable["expression"], types).type
        except CompileError:
            found = DYN
        declared[variable["name"]] = (variable["name"], found)
    return types


def _compile(text: str, types: Mapping[str, Type]) -> Any:
    from master.api.admission.authorizing import FUNCTIONS

    return compile(text, types, FUNCTIONS)


def type_of_kind(kind: Kind) -> Type:
    if kind.custom is not None:
        return type_of_schema(kind.custom.schema, root=True) or DYN
    name = schemas.name_of(kind.api_version, kind.kind)
    return _type_of(Shape("ref", name)) if name else DYN


def _type_of(shape: Shape | None) -> Type:
    if shape is None:
        return DYN
    match shape.form:
        case "ref":
            if shape.ref in schemas.SCALARS:
                return _VALUES.get(shape.ref, DYN)
            return Type("object", fields=Fields(shape.ref))
        case "list":
            return list_of(_type_of(shape.element))
        case "map":
            return map_of(STRING, _type_of(shape.element))
    return _FORMS.get(shape.form, DYN)


@dataclass(frozen=True)
class Fields(Mapping[str, tuple[str, Type]]):
    """The fields of a definition by the names expressions use, each looked up when it is asked for: definitions recur."""

    definition: str

    def __getitem__(self, name: str) -> tuple[str, Type]:
        for field, found in schemas.definition(self.definition).fields.items():
            if escaped(field) == name:
                return field, _type_of(found.shape)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return map(escaped, schemas.definition(self.definition).fields)

    def __len__(self) -> int:
        return len(schemas.definition(self.definition).fields)
