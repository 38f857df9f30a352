"""The OpenAPI v2 document in protobuf: what kubectl asks for where it cannot do with v3 (a List, for one).

Field numbers are those of openapiv2's Document as gnostic publishes it.  Schemas are written whole; of an operation what
clients look for: its query parameters and its group, version and kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from kube.protobuf.wire import VARINT, chunk, tag, varint

Object = dict[str, Any]
MEDIA = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
ASKED = ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", MEDIA)
METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def encode(document: Object) -> bytes:
    """The document, made by `OpenApi` for JSON, as bytes of Document."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = b"".join(_named(2, path, _path(item)) for path, item in document["paths"].items())
    return b"".join(
        (
            _text(1, document["swagger"]),
            chunk(2, info),
            chunk(8, paths),
            chunk(9, _schemas(document["definitions"])),
        )
    )


def schema(value: Object) -> bytes:
    """One Schema; `x-` words are vendor extensions, their values YAML (JSON is YAML)."""
    parts = [_text(1, value["$ref"])] if "$ref" in value else []
    parts += [_text(number, value[name]) for name, number in (("format", 2), ("description", 4)) if name in value]
    if "default" in value:
        parts.append(chunk(5, _any(value["default"])))
    parts += [_text(19, name) for name in value.get("required", ())]
    parts += [chunk(20, _any(word)) for word in value.get("enum", ())]
    more = value.get("additionalProperties")
    if isinstance(more, dict):
        parts.append(chunk(21, chunk(1, schema(more))))
    elif more is not None:
        parts.append(chunk(21, tag(2, VARINT) + varint(int(more))))
    if "type" in value:
        parts.append(chunk(22, _text(1, value["type"])))
    if "items" in value:
        parts.append(chunk(23, chunk(1, schema(value["items"]))))
    parts += [chunk(24, schema(part)) for part in value.get("allOf", ())]
    if "properties" in value:
        parts.append(chunk(25, _schemas(value["properties"])))
    return b"".join((*parts, _extensions(31, value)))


def _schemas(named: Object) -> bytes:
    """Definitions, and Properties: maps as repeated NamedSchema."""
    return b"".join(_named(1, name, schema(value)) for name, value in named.items())


def _path(item: Object) -> bytes:
    operations = (chunk(number, _operation(item[method])) for method, number in METHODS.items() if method in item)
    return b"".join((*operations, _parameters(9, item.get("parameters", ()))))


def _operation(operation: Object) -> bytes:
    return _parameters(8, operation.get("parameters", ())) + _extensions(13, operation)


def _parameters(number: int, parameters: Iterable[Object]) -> bytes:
    """Those of the query and the path; a body's is left out, its schema is that of the kind."""
    found = []
    for row in parameters:
        words = _text(4, row["name"]) + _text(6 if row["in"] == "query" else 5, row.get("type", "string"))
        if row["in"] == "query":
            found.append(chunk(3, _text(2, "query") + words))
        elif row["in"] == "path":
            found.append(chunk(4, tag(1, VARINT) + varint(1) + _text(2, "path") + words))
    return b"".join(chunk(number, chunk(1, chunk(2, row))) for row in found)


def _extensions(number: int, value: Object) -> bytes:
    return b"".join(_named(number, name, _any(value[name])) for name in value if name.startswith("x-"))


def _named(number: int, name: str, value: bytes) -> bytes:
    return chunk(number, _text(1, name) + chunk(2, value))


def _any(value: object) -> bytes:
    return chunk(2, orjson.dumps(value) + b"\n")


def _text(number: int, text: str) -> bytes:
    return chunk(number, text.encode())
