"""The access reviews: the questions of `authorization.k8s.io`, answered by the authorizer the API itself asks."""

from __future__ import annotations

from typing import Any

from kube.errors import Cause, bad_request, invalid
from master.api.authz.rbac import Rbac
from master.api.contract import Authorizer, Object, RequestInfo, UserInfo

GROUP = "authorization.k8s.io"
VERSION = f"{GROUP}/v1"


def subject_access_review(authorizer: Authorizer, review: Object, namespace: str = "") -> Object:
    """SubjectAccessReview, and with a namespace LocalSubjectAccessReview."""
    spec = review.get("spec") or {}
    kind = "LocalSubjectAccessReview" if namespace else "SubjectAccessReview"
    if not spec.get("user") and not spec.get("groups"):
        cause = Cause(
            "FieldValueRequired", "Required value: at least one of user or group must be specified", "spec.user"
        )
        raise invalid(kind, "", [cause], GROUP)
    asked = (spec.get("resourceAttributes") or {}).get("namespace", "")
    if namespace and asked != namespace:
        raise bad_request(f"spec.resourceAttributes.namespace must match namespace: {namespace}")
    extra = {key.lower(): tuple(values) for key, values in (spec.get("extra") or {}).items()}
    user = UserInfo(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""), extra)
    return _answered(kind, review, authorizer, user)


def self_subject_access_review(authorizer: Authorizer, review: Object, user: UserInfo) -> Object:
    return _answered("SelfSubjectAccessReview", review, authorizer, user)


def self_subject_rules_review(rbac: Rbac, review: Object, user: UserInfo) -> Object:
    """What RBAC grants the caller in a namespace; the Node authorizer's part cannot be listed."""
    namespace = (review.get("spec") or {}).get("namespace", "")
    if not namespace:
        raise bad_request("no namespace on request")
    raw = [rule for role, _ in rbac.roles.grants(user, namespace) for rule in role.raw]
    status = {
        "resourceRules": [_resource_rule(rule) for rule in raw if not rule.get("nonResourceURLs")],
        "nonResourceRules": [_path_rule(rule) for rule in raw if rule.get("nonResourceURLs")],
        "incomplete": False,
    }
    return {
        "kind": "SelfSubjectRulesReview",
        "apiVersion": VERSION,
        "metadata": {},
        "spec": {},
        "status": status,
    }


def _answered(kind: str, review: Object, authorizer: Authorizer, user: UserInfo) -> Object:
    spec = review.get("spec") or {}
    decision = authorizer.authorize(user, _request(kind, spec))
    status: Object = {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})
    metadata = review.get("metadata") or {}
    return {"kind": kind, "apiVersion": VERSION, "metadata": metadata, "spec": spec, "status": status}


def _request(kind: str, spec: dict[str, Any]) -> RequestInfo:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (resource is None) == (path is None):
        words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        said = f"Invalid value: {words}"
        raise invalid(kind, "", [Cause("FieldValueInvalid", said, "spec.resourceAttributes")], GROUP)
    if path is not None:
        return RequestInfo(path.get("verb", ""), path.get("path", ""))
    asked: dict[str, Any] = resource or {}
    return RequestInfo(
        verb=asked.get("verb", ""),
        path="",
        is_resource=True,
        group=asked.get("group", ""),
        version=asked.get("version", ""),
        resource=asked.get("resource", ""),
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
    )


def _resource_rule(rule: Object) -> Object:
    return {key: rule[key] for key in ("verbs", "apiGroups", "resources", "resourceNames") if rule.get(key)}


def _path_rule(rule: Object) -> Object:
    return {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
