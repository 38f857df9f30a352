"""Discovery: which groups, versions and resources are served, in the old documents and the aggregated one.

Everything is built from the table of kinds, once, and kept as bytes until other kinds are served.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from kube.kinds import Kind, Subresource
from master.api.calls import respond
from master.api.media import accepts_aggregated
from master.api.routing import Query, no_such_resource

Object = dict[str, Any]
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Discovery:
    """Serves /api, /apis and what lies below; `addresses` are where clients reach this server."""

    def __init__(self, kinds: Iterable[Kind], address: str = "127.0.0.1:6443") -> None:
        self.kinds = list(kinds)
        self.address = address
        self.others: list[str] = []
        self._made: dict[str, bytes] = {}
        self._delegated: Mapping[tuple[str, str], Sequence[Object]] = {}

    def show_delegated(self, resources: Mapping[tuple[str, str], Sequence[Object]]) -> None:
        """From now on these groups and versions too, which others answer: entries of their APIResourceLists."""
        self._delegated = resources
        self._made.clear()

    def show(self, kinds: Iterable[Kind]) -> None:
        self.kinds = list(kinds)
        self._made.clear()

    def groups(self) -> dict[str, list[str]]:
        """Group → versions, preferred first, in the order of the table; the core group is not among them."""
        found: dict[str, list[str]] = {}
        for kind in self.kinds:
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        for group, version in self._delegated:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        found.pop("", None)
        return found

    async def serve(self, request: web.BaseRequest, _query: Query) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0].rstrip("/")
        if path in ("/api", "/apis") and accepts_aggregated(request.headers.get("Accept", "")):
            body = self._body(path + " aggregated", lambda: self._aggregated(path))
            return _tagged(request, body, AGGREGATED)
        return _tagged(request, self._body(path, lambda: self._document(path)), "application/json")

    async def root(self, _request: web.BaseRequest, _query: Query) -> web.StreamResponse:
        """`/`: every path that can be asked."""
        groups = [f"/apis/{group}" for group in self.groups()]
        versions = [f"/apis/{group}/{version}" for group, found in self.groups().items() for version in found]
        paths = sorted({"/api", "/api/v1", "/apis", "/apis/", *groups, *versions, *self.others})
        return respond(orjson.dumps({"paths": paths}))

    def _aggregated(self, root: str) -> Object:
        document = aggregated(self._of(root), root == "/api")
        if root == "/apis":
            present = {item["metadata"]["name"]: item for item in document["items"]}
            for (group, version), resources in self._delegated.items():
                item = present.get(group)
                if item is None:
                    item = present[group] = {"metadata": {"name": group}, "versions": []}
                    document["items"].append(item)
                item["versions"].append(delegated_version(version, resources))
        return document

    def _of(self, root: str) -> list[Kind]:
        return [kind for kind in self.kinds if (kind.group == "") == (root == "/api")]

    def _body(self, key: str, make: Any) -> bytes:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = orjson.dumps(make())
        return found

    def _document(self, path: str) -> Object:
        parts = path.split("/")[1:]
        groups = self.groups()
        if parts == ["api"]:
            addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self.address}]
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
        if parts == ["api", "v1"]:
            return resource_list("", "v1", self.kinds)
        if parts == ["apis"]:
            listed = [group_document(group, versions) for group, versions in groups.items()]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        if len(parts) == 2 and parts[0] == "apis" and parts[1] in groups:
            return {"kind": "APIGroup", "apiVersion": "v1"} | group_document(parts[1], groups[parts[1]])
        if len(parts) == 3 and parts[0] == "apis" and parts[2] in groups.get(parts[1], ()):
            return resource_list(parts[1], parts[2], self.kinds)
        raise no_such_resource()


def group_document(group: str, versions: Sequence[str]) -> Object:
    listed = [{"groupVersion": f"{group}/{version}", "version": version} for version in versions]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def resource_list(group: str, version: str, kinds: Iterable[Kind]) -> Object:
    resources = []
    for kind in kinds:
        if (kind.group, kind.version) == (group, version):
            resources.append(_resource(kind))
            resources += [_legacy_subresource(kind, sub) for sub in kind.subresources]
    of_group = {"apiVersion": "v1"} if group else {}
    named = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList"} | of_group | {"groupVersion": named, "resources": resources}


def _resource(kind: Kind) -> Object:
    resource: Object = {
        "name": kind.plural,
        "singularName": kind.singular_name,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    resource |= _names(kind)
    if kind.stored:
        digest = hashlib.sha256(f"{kind.group}/{kind.version}/{kind.kind}".encode()).digest()[:8]
        resource["storageVersionHash"] = orjson.dumps(digest.hex()).decode().strip('"')
    return resource


def _names(kind: Kind) -> Object:
    names: Object = {}
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    if kind.categories:
        names["categories"] = list(kind.categories)
    return names


def _legacy_subresource(kind: Kind, sub: Subresource) -> Object:
    entry: Object = {"name": f"{kind.plural}/{sub.name}", "singularName": "", "namespaced": kind.namespaced}
    if sub.group_version:
        group, _, version = sub.group_version.rpartition("/")
        entry |= {"group": group, "version": version}
    return entry | {"kind": sub.kind or kind.kind, "verbs": list(sub.verbs)}


# Aggregated


def aggregated(kinds: Sequence[Kind], core: bool) -> Object:
    groups: dict[str, dict[str, list[Kind]]] = {}
    for kind in kinds:
        groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
    items = []
    for group, versions in groups.items():
        listed = [
            {"version": version, "resources": [_discovered(kind) for kind in members], "freshness": "Current"}
            for version, members in versions.items()
        ]
        items.append({"metadata": {} if core else {"name": group}, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def delegated_version(version: str, resources: Sequence[Object]) -> Object:
    """A version whose resources are known from its APIResourceList, in the aggregated form."""
    found: dict[str, Object] = {}
    for one in resources:
        name, _, subresource = one["name"].partition("/")
        kind = {"group": one.get("group", ""), "version": one.get("version", ""), "kind": one["kind"]}
        if subresource:
            entry = {"subresource": subresource, "responseKind": kind, "verbs": one["verbs"]}
            found[name].setdefault("subresources", []).append(entry) if name in found else None
            continue
        found[name] = {
            "resource": name,
            "responseKind": kind,
            "scope": "Namespaced" if one.get("namespaced") else "Cluster",
            "singularResource": one.get("singularName", ""),
            "verbs": one["verbs"],
        } | {key: one[key] for key in ("shortNames", "categories") if one.get(key)}
    return {"version": version, "resources": list(found.values()), "freshness": "Current"}


def _discovered(kind: Kind) -> Object:
    found: Object = {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "verbs": list(kind.verbs),
    }
    found |= _names(kind)
    if kind.subresources:
        found["subresources"] = [_discovered_subresource(kind, sub) for sub in kind.subresources]
    return found


def _discovered_subresource(kind: Kind, sub: Subresource) -> Object:
    group, _, version = sub.group_version.rpartition("/")
    response = {"group": group, "version": version, "kind": sub.kind or kind.kind}
    return {"subresource": sub.name, "responseKind": response, "verbs": list(sub.verbs)}


def _tagged(request: web.BaseRequest, body: bytes, media: str) -> web.Response:
    """With an ETag; 304 when the client has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
    if request.headers.get("If-None-Match") == tag:
        response = respond(b"", 304, media)
    else:
        response = respond(body, 200, media)
    response.headers["ETag"] = tag
    response.headers["Vary"] = "Accept"
    return response
