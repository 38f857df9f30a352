"""Definitions that belong to no kind: what discovery, watches and patches are made of."""

from __future__ import annotations

from typing import Any

from kube import schemas

Object = dict[str, Any]
PATCH, WATCH_EVENT, RESOURCES = (schemas.META + name for name in ("Patch", "WatchEvent", "APIResourceList"))
_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "atomic"}


def machinery(prefix: str) -> Object:
    """Each definition by name; `prefix` is where references point."""
    resource = {"$ref": prefix + schemas.META + "APIResource"}
    return {
        PATCH: {"type": "object"},
        schemas.RAW: {"type": "object"},
        WATCH_EVENT: {
            "type": "object",
            "required": ["type", "object"],
            "properties": {"object": {"$ref": prefix + schemas.RAW}, "type": _TEXT},
        },
        schemas.META + "APIResource": {
            "type": "object",
            "required": ["name", "singularName", "namespaced", "kind", "verbs"],
            "properties": {
                "categories": _TEXTS,
                "group": _TEXT,
                "kind": _TEXT,
                "name": _TEXT,
                "namespaced": _FLAG,
                "shortNames": _TEXTS,
                "singularName": _TEXT,
                "storageVersionHash": _TEXT,
                "verbs": {"type": "array", "items": _TEXT},
                "version": _TEXT,
            },
        },
        RESOURCES: {
            "type": "object",
            "required": ["groupVersion", "resources"],
            "properties": {
                "apiVersion": _TEXT,
                "groupVersion": _TEXT,
                "kind": _TEXT,
                "resources": {"type": "array", "items": resource, "x-kubernetes-list-type": "atomic"},
            },
            "x-kubernetes-group-version-kind": [{"group": "", "kind": "APIResourceList", "version": "v1"}],
        },
    }
