"""The paths of a kind and what can be done there, as upstream publishes it: names of operations, parameters, bodies.

How it works: a path is a list of operations, each a row of `ACTIONS`; what all operations of a path take is said once, by
the path.  Documents of version 2 and 3 differ in how a parameter, a body and an answer are written, in `_V2` and `_V3`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kube import schemas
from kube.kinds import Kind, Subresource
from master.api.media import BODIES, JSON, PATCHES, PROTOBUF, YAML
from master.api.openapi.machinery import PATCH, RESOURCES
from master.api.openapi.schemas import SCHEMAS_V2, kind_name, known_name, list_name
from master.api.traits import DELETED_RETURNED, has

Object = dict[str, Any]

LISTING = {
    "allowWatchBookmarks": "boolean",
    "continue": "string",
    "fieldSelector": "string",
    "labelSelector": "string",
    "limit": "integer",
    "resourceVersion": "string",
    "resourceVersionMatch": "string",
    "sendInitialEvents": "boolean",
    "timeoutSeconds": "integer",
    "watch": "boolean",
}
SELECTING = {name: type for name, type in LISTING.items() if name not in ("allowWatchBookmarks", "watch")}
WRITING = {"dryRun": "string", "fieldManager": "string", "fieldValidation": "string"}
DELETING = {
    "dryRun": "string",
    "gracePeriodSeconds": "integer",
    "orphanDependents": "boolean",
    "propagationPolicy": "string",
}
# Parameters of what is more than a read of an object: (plural, subresource) → those.
OWN = {
    ("pods", "log"): {
        "container": "string",
        "follow": "boolean",
        "insecureSkipTLSVerifyBackend": "boolean",
        "limitBytes": "integer",
        "previous": "boolean",
        "sinceSeconds": "integer",
        "stream": "string",
        "tailLines": "integer",
        "timestamps": "boolean",
    },
    ("pods", "attach"): dict.fromkeys(("stderr", "stdin", "stdout", "tty"), "boolean") | {"container": "string"},
    ("pods", "exec"): dict.fromkeys(("stderr", "stdin", "stdout", "tty"), "boolean")
    | {"command": "string", "container": "string"},
    ("pods", "portforward"): {"ports": "integer"},
    ("pods", "proxy"): {"path": "string"},
    ("services", "proxy"): {"path": "string"},
    ("nodes", "proxy"): {"path": "string"},
}
CONNECTED = {
    "attach": ("get", "post"),
    "exec": ("get", "post"),
    "portforward": ("get", "post"),
    "proxy": ("get", "put", "post", "delete", "options", "head", "patch"),
}


@dataclass(frozen=True, slots=True)
class Action:
    """`word` begins the operation's name, `shown` is x-kubernetes-action; `body` is an object, a patch or options."""

    method: str
    word: str
    shown: str
    parameters: dict[str, str]
    body: str = ""
    answers: tuple[str, ...] = ("200",)
    streams: bool = False


ACTIONS = {
    "list": Action("get", "list", "list", LISTING, streams=True),
    "create": Action("post", "create", "post", WRITING, "object", ("200", "201", "202")),
    "deletecollection": Action("delete", "deleteCollection", "deletecollection", SELECTING | DELETING, "options"),
    "get": Action("get", "read", "get", {}),
    "update": Action("put", "replace", "put", WRITING, "object", ("200", "201")),
    "patch": Action("patch", "patch", "patch", WRITING | {"force": "boolean"}, "patch", ("200", "201")),
    "delete": Action("delete", "delete", "delete", DELETING, "options", ("200", "202")),
    "watch": Action("get", "watch", "watch", LISTING, streams=True),
    "watchlist": Action("get", "watch", "watchlist", LISTING, streams=True),
}
ON_COLLECTION = ("list", "create", "deletecollection")
ON_OBJECT = ("get", "update", "delete", "patch")


def operations(kind: Kind, prefix: str) -> Object:
    """Every path of the kind; `prefix` is where references to schemas point."""
    if not kind_name(kind):
        return {}
    form = _V2() if prefix == SCHEMAS_V2 else _V3()
    collection = kind.path("{namespace}" if kind.namespaced else "")
    rows = [(collection, ON_COLLECTION), (f"{collection}/{{name}}", ON_OBJECT)]
    if kind.namespaced:
        rows.append((kind.path(), ("list",) if "list" in kind.verbs else ("create",)))
    paths = {path: [_Operation(kind, path, one) for one in asked if one in kind.verbs] for path, asked in rows}
    if kind.custom is None and "watch" in kind.verbs:
        watched = {f"{collection}/{{name}}": "watch", collection: "watchlist", kind.path(): "watchlist"}
        paths |= {_below_watch(path): [_Operation(kind, path, action)] for path, action in watched.items()}
    for sub in kind.subresources:
        path = f"{collection}/{{name}}/{sub.name}"
        paths[path] = _of_subresource(kind, path, sub)
    return {path: _path(path, found, form) for path, found in paths.items() if found}


def group_path(api_version: str, prefix: str) -> Object:
    """The path at which the resources of a group's version are listed."""
    group, _, version = api_version.rpartition("/")
    form = _V2() if prefix == SCHEMAS_V2 else _V3()
    made = {
        "tags": [_tag(group, version)],
        "operationId": f"get{_camel(group)}{_capital(version)}APIResources",
        "responses": {"200": form.answer(RESOURCES, BODIES), "401": {"description": "Unauthorized"}},
    }
    return {f"/apis/{api_version}/" if group else f"/api/{version}/": {"get": form.finished(made, BODIES)}}


@dataclass(frozen=True, slots=True)
class _Operation:
    """One thing that can be done at a path; `method` is given where an action has several."""

    kind: Kind
    path: str
    action: str
    sub: Subresource | None = None
    method: str = ""

    @property
    def row(self) -> Action:
        if self.method:
            return Action(self.method, f"connect{self.method.capitalize()}", "connect", {})
        return ACTIONS[self.action]

    @property
    def parameters(self) -> dict[str, str]:
        own = OWN.get((self.kind.plural, self.sub.name), {}) if self.sub else {}
        return self.row.parameters | own | ({} if self.method else {"pretty": "string"})

    @property
    def subject(self) -> tuple[str, str]:
        """apiVersion and kind of what is read or written here."""
        if self.sub is not None and self.sub.kind:
            return self.sub.group_version or self.kind.api_version, self.sub.kind
        return self.kind.api_version, self.kind.kind

    @property
    def definition(self) -> str:
        return known_name(*self.subject) if self.sub is not None and self.sub.kind else kind_name(self.kind)

    @property
    def name(self) -> str:
        kind, row = self.kind, self.row
        word = row.word.removesuffix("Collection")
        spaced = "Namespaced" if "{namespace}" in self.path else ""
        many = "List" if self.action == "watchlist" else ""
        everywhere = "ForAllNamespaces" if kind.namespaced and not spaced and not self.sub else ""
        tail = f"{kind.kind}{_capital(self.sub.name) if self.sub else many}{everywhere}"
        middle = "Collection" if "Collection" in row.word else ""
        return f"{word}{_camel(kind.group)}{_capital(kind.version)}{middle}{spaced}{tail}"

    @property
    def answer(self) -> str:
        if self.action == "list":
            return list_name(self.kind)
        if self.action in ("watch", "watchlist"):
            return schemas.META + "WatchEvent"
        if self.action == "deletecollection" or (self.action == "delete" and not has(DELETED_RETURNED, self.kind)):
            return schemas.META + "Status"
        return self.definition

    @property
    def media(self) -> list[str]:
        plain = [JSON, PROTOBUF, YAML] if self.kind.custom is None else [JSON, YAML]
        streamed = [f"{one};stream=watch" for one in plain if one != YAML] if self.row.streams else []
        return sorted(plain + (streamed if self.kind.custom is None else []))


def _of_subresource(kind: Kind, path: str, sub: Subresource) -> list[_Operation]:
    if sub.name in CONNECTED:
        return [_Operation(kind, path, "connect", sub, method) for method in CONNECTED[sub.name]]
    return [_Operation(kind, path, verb, sub) for verb in (*ON_OBJECT, "create") if verb in sub.verbs]


def _path(path: str, found: Iterable[_Operation], form: _V2 | _V3) -> Object:
    """What every operation takes stands beside them."""
    listed = list(found)
    common = {name: type for name, type in listed[0].parameters.items() if all(name in o.parameters for o in listed)}
    placed = [form.parameter(name, "string", "path") for name in ("name", "namespace") if f"{{{name}}}" in path]
    taken = placed + [form.parameter(*one, "query") for one in common.items()]
    made = {one.row.method: _operation(one, common, form) for one in listed}
    return made | ({"parameters": sorted(taken, key=lambda one: one["name"])} if taken else {})


def _operation(one: _Operation, common: Iterable[str], form: _V2 | _V3) -> Object:
    api_version, kind = one.subject
    group, _, version = api_version.rpartition("/")
    own = sorted(item for item in one.parameters.items() if item[0] not in common)
    made: Object = {
        "tags": [_tag(one.kind.group, one.kind.version)],
        "operationId": one.name,
        "x-kubernetes-action": one.row.shown,
        "x-kubernetes-group-version-kind": {"group": group, "kind": kind, "version": version},
        "responses": {status: form.answer(one.answer, one.media) for status in one.row.answers}
        | {"401": {"description": "Unauthorized"}},
    }
    if own:
        made["parameters"] = [form.parameter(*item, "query") for item in own]
    if one.row.body == "patch":
        form.take(made, PATCH, sorted(_patches(one.kind)))
    elif one.row.body == "options":
        form.take(made, schemas.META + "DeleteOptions", ["*/*"], required=False)
    elif one.row.body:
        form.take(made, one.definition, ["*/*"])
    return form.finished(made, one.media)


class _V3:
    """How version 3 writes it."""

    def reference(self, name: str) -> Object:
        return {"$ref": "#/components/schemas/" + name} if name else {"type": "object"}

    def parameter(self, name: str, type: str, where: str) -> Object:
        made: Object = {"name": name, "in": where, "schema": {"type": type, "uniqueItems": True}}
        return made | ({"required": True} if where == "path" else {})

    def answer(self, name: str, media: Iterable[str]) -> Object:
        return {"description": "OK", "content": {one: {"schema": self.reference(name)} for one in media}}

    def take(self, made: Object, name: str, media: Iterable[str], required: bool = True) -> None:
        body: Object = {"content": {one: {"schema": self.reference(name)} for one in media}}
        made["requestBody"] = body | ({"required": True} if required else {})

    def finished(self, made: Object, _media: Iterable[str]) -> Object:
        return made


class _V2:
    """How version 2 writes it."""

    def reference(self, name: str) -> Object:
        return {"$ref": SCHEMAS_V2 + name} if name else {"type": "object"}

    def parameter(self, name: str, type: str, where: str) -> Object:
        made = {"name": name, "in": where, "type": type, "uniqueItems": True}
        return made | ({"required": True} if where == "path" else {})

    def answer(self, name: str, _media: Iterable[str]) -> Object:
        return {"description": "OK", "schema": self.reference(name)}

    def take(self, made: Object, name: str, media: Iterable[str], required: bool = True) -> None:
        body: Object = {"name": "body", "in": "body", "schema": self.reference(name)}
        made["parameters"] = [body | ({"required": True} if required else {}), *made.get("parameters", ())]
        made["consumes"] = list(media)

    def finished(self, made: Object, media: Iterable[str]) -> Object:
        return {"consumes": ["*/*"]} | made | {"produces": list(media), "schemes": ["https"]}


def _below_watch(path: str) -> str:
    """`/apis/apps/v1/deployments` → `/apis/apps/v1/watch/deployments`."""
    parts = path.split("/")
    at = 3 if parts[1] == "api" else 4
    return "/".join([*parts[:at], "watch", *parts[at:]])


def _patches(kind: Kind) -> list[str]:
    """Of custom kinds there is no strategic merge patch."""
    known = [one for one in PATCHES if not one.endswith("cbor")]
    return [one for one in known if kind.custom is None or "strategic" not in one]


def _words(group: str) -> list[str]:
    return (group.removesuffix(".k8s.io") or "core").split(".")


def _camel(group: str) -> str:
    return "".join(map(_capital, _words(group)))


def _tag(group: str, version: str) -> str:
    camel = _camel(group)
    return f"{camel[:1].lower()}{camel[1:]}_{version}"


def _capital(word: str) -> str:
    return word[:1].upper() + word[1:]
