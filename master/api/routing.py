"""From a request's method, path and query to what is asked for: pure.

A path of the API is `/api/v1/...` or `/apis/GROUP/VERSION/...`, then `[namespaces/NS/]PLURAL[/NAME[/SUBRESOURCE]]`.
The older `/api/v1/watch/...` is the same path without `watch`, and its query with it.
Authorization sees a request as `RequestInfo` before anyone looks whether such a resource exists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from kube.errors import ApiError, bad_request
from kube.kinds import Kind, Subresource
from kube.names import path_segment
from master.api.contract import RequestInfo

Query = Mapping[str, str]
FindKind = Callable[[str, str, str], Kind | None]

VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
COLLECTION_VERBS = VERBS | {"GET": "list", "HEAD": "list", "DELETE": "deletecollection"}
NAMESPACE_SUBRESOURCES = ("status", "finalize")
NO_QUERY: Query = {}
FALSE = ("false", "0")


@dataclass(frozen=True, slots=True)
class Route:
    """What a request asks for.  `kind` is None when no such resource is served; `rest` is the path behind a proxy."""

    info: RequestInfo
    kind: Kind | None = None
    subresource: Subresource | None = None
    rest: str = ""


def parse_query(text: str) -> Query:
    """The first value of each parameter."""
    if not text:
        return NO_QUERY
    query: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        query.setdefault(key, value)
    return query


def is_true(query: Query, name: str) -> bool:
    """Whether a switch is given; as upstream reads it, every word but these two means yes, the empty one too."""
    return name in query and query[name].lower() not in FALSE


def as_watch(path: str, query: Query) -> tuple[str, Query]:
    """A path below `/watch/` as the collection it watches: what it names is selected by its name."""
    parts = path.split("/")
    at = 3 if parts[1] == "api" else 4
    if parts[1] not in ("api", "apis") or len(parts) < at + 2 or parts[at] != "watch":
        return path, query
    space = parts[at + 1 : at + 3] if parts[at + 1] == "namespaces" and len(parts) > at + 3 else []
    resource, *names = parts[at + 1 + len(space) :]
    asked = {**query, "watch": "true"}
    if names and names[0]:
        one = f"metadata.name={unquote(names[0])}"
        asked["fieldSelector"] = f"{query['fieldSelector']},{one}" if query.get("fieldSelector") else one
    return "/".join([*parts[:at], *space, resource, *names[1:]]), asked


def route(method: str, path: str, query: Query, find: FindKind) -> Route:
    """`path` as sent, still percent-encoded; `find(group, version, plural)` looks a kind up."""
    parts = path.split("/")
    if len(parts) > 3 and parts[1] == "api" and parts[3]:
        return _resource(method, path, "", parts[2], parts[3:], query, find)
    if len(parts) > 4 and parts[1] == "apis" and parts[4]:
        return _resource(method, path, parts[2], parts[3], parts[4:], query, find)
    return Route(RequestInfo(method.lower(), unquote(path)))


def _resource(
    method: str, path: str, group: str, version: str, parts: list[str], query: Query, find: FindKind
) -> Route:
    if "%" in path:
        parts = [unquote(part) for part in parts]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1 and parts[1]:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] and parts[2] not in NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    resource, name, subresource = (*parts[:3], "", "")[:3]
    info = RequestInfo(
        verb=_verb(method, name, query),
        path=path,
        is_resource=True,
        group=group,
        version=version,
        resource=resource,
        subresource=subresource,
        namespace=namespace,
        name=name or _name_selected(query),
        label_selector=query.get("labelSelector", ""),
        field_selector=query.get("fieldSelector", ""),
    )
    kind = find(group, version, resource)
    if kind is None or (namespace and not kind.namespaced and resource != "namespaces"):
        return Route(info)
    if not subresource:
        return Route(info, kind)
    found = kind.subresource(subresource)
    return Route(info, kind if found else None, found, "/".join(parts[3:]))


def _verb(method: str, name: str, query: Query) -> str:
    if name:
        return VERBS.get(method, "")
    if method == "GET" and is_true(query, "watch"):
        return "watch"
    return COLLECTION_VERBS.get(method, "")


def _name_selected(query: Query) -> str:
    """The one name that a collection request's field selector allows, as Node authorization needs it."""
    selector = query.get("fieldSelector", "")
    name = selector.removeprefix("metadata.name=").removeprefix("=")
    return name if selector != name and "," not in name else ""


def check_served(found: Route) -> Kind:
    """The kind asked for; 404 when there is none, 405 when it has not this verb, 400 for what can be no name."""
    info, kind, subresource = found.info, found.kind, found.subresource
    if kind is None:
        raise no_such_resource()
    named = bool(info.subresource) or info.verb not in ("list", "watch", "deletecollection", "create")
    proxied = info.subresource == "proxy"  # takes any method: what it means is the far end's to say
    allowed = proxied or info.verb in (subresource.verbs if subresource else kind.verbs)
    if not allowed or (named and not info.name):
        raise method_not_allowed()
    if kind.namespaced and not info.namespace and info.verb not in ("list", "watch"):
        raise no_such_resource() if info.name and info.verb != "deletecollection" else method_not_allowed()
    if info.verb == "create" and info.name and subresource is None:
        raise method_not_allowed()
    for segment in (info.name, info.namespace):
        if segment in (".", "..") or "/" in segment or "%" in segment:
            raise bad_request(f'invalid resource name "{segment}": {path_segment(segment)}')
    return kind


def no_such_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message)
