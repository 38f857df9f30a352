"""Writes fields.json, the numbers of the API's protobuf fields: `python -m kube.protobuf.generate MESSAGES.json`.

MESSAGES.json maps a message's name to {number: [field, type]}.  Types are left out, for the schemas know them.  A struct that
JSON lifts into its parent is lifted here too: its fields have a path of numbers, outermost first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import orjson

from kube import schemas

TARGET = Path(__file__).with_name("fields.json")
Messages = dict[str, dict[str, list[str]]]

# Message fields whose JSON name is not the message's own.
JSON_NAMES = {
    "JSONSchemaProps.ref": "$ref",
    "JSONSchemaProps.schema": "$schema",
    "JSONSchemaProps.xKubernetesEmbeddedResource": "x-kubernetes-embedded-resource",
    "JSONSchemaProps.xKubernetesIntOrString": "x-kubernetes-int-or-string",
    "JSONSchemaProps.xKubernetesListMapKeys": "x-kubernetes-list-map-keys",
    "JSONSchemaProps.xKubernetesListType": "x-kubernetes-list-type",
    "JSONSchemaProps.xKubernetesMapType": "x-kubernetes-map-type",
    "JSONSchemaProps.xKubernetesPreserveUnknownFields": "x-kubernetes-preserve-unknown-fields",
    "JSONSchemaProps.xKubernetesValidations": "x-kubernetes-validations",
}


def main() -> None:
    messages: Messages = orjson.loads(Path(sys.argv[1]).read_bytes())
    by_definition = {_definition(name): fields for name, fields in messages.items()}
    lines = []
    for name in schemas.names():
        if name not in schemas.SCALARS:
            numbers = _numbers(name, by_definition)
            lines.append(orjson.dumps(name) + b":" + orjson.dumps(numbers, option=orjson.OPT_SORT_KEYS))
    TARGET.write_bytes(b"{\n" + b",\n".join(lines) + b"\n}\n")


def _definition(message: str) -> str:
    """`k8s.io.kube_aggregator.pkg...` → `io.k8s.kube-aggregator.pkg...`."""
    return "io.k8s." + message.removeprefix("k8s.io.").replace("_", "-")


def _numbers(name: str, messages: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """Field → number, or the path of numbers to a lifted field."""
    known = {field.lower(): field for field in schemas.definition(name).fields}
    numbers: dict[str, Any] = {}
    for number, (field, type_) in messages[name].items():
        own = JSON_NAMES.get(f"{name.rpartition('.')[2]}.{field}") or known.get(field.lower())
        if own:
            numbers[own] = int(number)
        elif _definition(type_) in messages:
            numbers |= _lifted(int(number), _definition(type_), messages)
        else:
            sys.exit(f"{name}: JSON has no field {field}")
    missing = set(known.values()) - set(numbers) - {"apiVersion", "kind"}
    if missing:
        sys.exit(f"{name}: no number for {sorted(missing)}")
    return numbers


def _lifted(outer: int, name: str, messages: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for number, (field, type_) in messages[name].items():
        inner = _definition(type_)
        if field == "rule" and inner in messages:
            numbers |= {key: [outer, *path] for key, path in _lifted(int(number), inner, messages).items()}
        else:
            numbers[field] = [outer, int(number)]
    return numbers


if __name__ == "__main__":
    main()
