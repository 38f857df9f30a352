"""Which FlowSchema a request falls under: the first that matches, by precedence and name.  Pure.

Source: the API's documentation of flowcontrol.apiserver.k8s.io/v1 and KEP-1040.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from master.api.contract import Object, RequestInfo, UserInfo

ACCOUNT = "system:serviceaccount:"


def in_order(schemas: Iterable[Object]) -> list[Object]:
    return sorted(schemas, key=lambda one: (one["spec"].get("matchingPrecedence", 1000), one["metadata"]["name"]))


def find(ordered: Sequence[Object], user: UserInfo, info: RequestInfo) -> Object | None:
    """The first schema of those in order that matches."""
    for schema in ordered:
        if any(_matches(rule, user, info) for rule in schema["spec"].get("rules") or ()):
            return schema
    return None


def flow_of(schema: Object, user: UserInfo, info: RequestInfo) -> str:
    """What tells the flows of a schema apart."""
    method = (schema["spec"].get("distinguisherMethod") or {}).get("type")
    return user.name if method == "ByUser" else info.namespace if method == "ByNamespace" else ""


def _matches(rule: Object, user: UserInfo, info: RequestInfo) -> bool:
    if not any(_is(subject, user) for subject in rule.get("subjects") or ()):
        return False
    if info.is_resource:
        return any(_covers(one, info) for one in rule.get("resourceRules") or ())
    return any(_covers_path(one, info) for one in rule.get("nonResourceRules") or ())


def _is(subject: Object, user: UserInfo) -> bool:
    match subject["kind"]:
        case "User":
            return subject["user"]["name"] in ("*", user.name)
        case "Group":
            return subject["group"]["name"] == "*" or subject["group"]["name"] in user.groups
        case "ServiceAccount":
            namespace, _, name = user.name.removeprefix(ACCOUNT).partition(":")
            wanted = subject["serviceAccount"]
            is_account = user.name.startswith(ACCOUNT) and namespace == wanted["namespace"]
            return is_account and wanted["name"] in ("*", name)
    return False


def _covers(rule: Object, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (_any(rule["verbs"], info.verb) and _any(rule["apiGroups"], info.group)):
        return False
    if not _any(rule["resources"], resource):
        return False
    return _any(rule.get("namespaces") or (), info.namespace) if info.namespace else bool(rule.get("clusterScope"))


def _covers_path(rule: Object, info: RequestInfo) -> bool:
    if not _any(rule["verbs"], info.verb):
        return False
    return any(
        url in ("*", info.path) or (url.endswith("/*") and info.path.startswith(url[:-1]))
        for url in rule["nonResourceURLs"]
    )


def _any(allowed: Sequence[str], value: str) -> bool:
    return "*" in allowed or value in allowed
