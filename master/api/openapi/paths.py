"""The paths of a kind and what can be done there: enough for clients that look for operations and their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kube.kinds import Kind, Subresource
from master.api.media import BODIES, PATCHES, PROTOBUF
from master.api.openapi.schemas import SCHEMAS_V2, kind_name, known_name, list_name

Object = dict[str, Any]

# verb → (method, what upstream calls the action)
ON_OBJECT = {
    "get": ("get", "get"),
    "update": ("put", "put"),
    "patch": ("patch", "patch"),
    "delete": ("delete", "delete"),
    "create": ("post", "connect"),
}
ON_COLLECTION = {
    "list": ("get", "list"),
    "create": ("post", "post"),
    "deletecollection": ("delete", "deletecollection"),
}
LISTING = (
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
WRITING = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"))
DELETING = (("dryRun", "string"), ("gracePeriodSeconds", "integer"), ("propagationPolicy", "string"))
PARAMETERS = {
    "list": LISTING,
    "deletecollection": LISTING + DELETING,
    "delete": DELETING,
    "create": WRITING,
    "update": WRITING,
    "patch": (*WRITING, ("force", "boolean")),
}
BUILT_IN_ONLY = (PROTOBUF, "application/strategic-merge-patch+json")
WRITES = ("create", "update", "patch")


def operations(kind: Kind, prefix: str) -> Object:
    """Every path of the kind; `prefix` is where references to schemas point."""
    if not kind_name(kind):
        return {}
    collection = kind.path("{namespace}" if kind.namespaced else "")
    one = f"{collection}/{{name}}"
    paths = {
        collection: _path(kind, ON_COLLECTION, kind.verbs, None, prefix, collection),
        one: _path(kind, ON_OBJECT, tuple(verb for verb in kind.verbs if verb != "create"), None, prefix, one),
    }
    if kind.namespaced and "list" in kind.verbs:
        paths[kind.path()] = _path(kind, ON_COLLECTION, ("list",), None, prefix, kind.path())
    for sub in kind.subresources:
        path = f"{one}/{sub.name}"
        paths[path] = _path(kind, ON_OBJECT, sub.verbs, sub, prefix, path)
    return {path: found for path, found in paths.items() if any(key != "parameters" for key in found)}


def _path(
    kind: Kind,
    table: dict[str, tuple[str, str]],
    verbs: tuple[str, ...],
    sub: Subresource | None,
    prefix: str,
    path: str,
) -> Object:
    made: Object = {}
    for verb, (method, action) in table.items():
        if verb in verbs:
            made[method] = _operation(kind, verb, action, sub, prefix)
    found = [name for name in ("namespace", "name") if f"{{{name}}}" in path]
    if found:
        made["parameters"] = [_parameter(name, "string", "path", prefix) | {"required": True} for name in found]
    return made


def _operation(kind: Kind, verb: str, action: str, sub: Subresource | None, prefix: str) -> Object:
    group_version = (sub.group_version if sub else "") or kind.api_version
    group, _, version = group_version.rpartition("/")
    name = (sub.kind if sub else "") or kind.kind
    described = known_name(group_version, name) if sub is not None and sub.kind else kind_name(kind)
    answer = list_name(kind) if verb == "list" else described
    made: Object = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": group, "kind": name, "version": version},
        "parameters": [_parameter(one, type, "query", prefix) for one, type in PARAMETERS.get(verb, ())],
        "responses": {"200": _response(answer, prefix, _forms(kind, BODIES)), "401": {"description": "Unauthorized"}},
    }
    if verb in WRITES:
        _add_body(made, verb, described, prefix, _forms(kind, PATCHES if verb == "patch" else BODIES))
    return made


def _parameter(name: str, type: str, where: str, prefix: str) -> Object:
    if prefix == SCHEMAS_V2:
        return {"name": name, "in": where, "type": type, "uniqueItems": True}
    return {"name": name, "in": where, "schema": {"type": type, "uniqueItems": True}}


def _forms(kind: Kind, media: Sequence[str]) -> list[str]:
    """Of custom kinds there is neither protobuf nor a strategic merge patch."""
    return [one for one in media if kind.custom is None or one not in BUILT_IN_ONLY]


def _response(name: str, prefix: str, media: Sequence[str]) -> Object:
    found = {"$ref": prefix + name} if name else {"type": "object"}
    if prefix == SCHEMAS_V2:
        return {"description": "OK", "schema": found}
    return {"description": "OK", "content": {one: {"schema": found} for one in media}}


def _add_body(made: Object, verb: str, name: str, prefix: str, media: Sequence[str]) -> None:
    wanted = {"$ref": prefix + name} if name and verb != "patch" else {"type": "object"}
    if prefix == SCHEMAS_V2:
        made["parameters"].append({"name": "body", "in": "body", "required": True, "schema": wanted})
        return
    made["requestBody"] = {"required": True, "content": {one: {"schema": wanted} for one in media}}
