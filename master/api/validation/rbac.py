"""Roles and bindings."""

from __future__ import annotations

from kube import names
from master.api.validation.labels import check_selector
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object

GROUP = "rbac.authorization.k8s.io"
SUBJECTS = ("ServiceAccount", "User", "Group")
GO_NAMES = {"apiGroup": "APIGroup", "kind": "Kind", "name": "Name"}
"""A reference's fields as refusals print them."""


def role(obj: Object, out: Problems) -> None:
    for index, rule in enumerate(obj.get("rules") or ()):
        _rule(rule, ROOT / "rules" / index, out, namespaced=True)


def cluster_role(obj: Object, out: Problems) -> None:
    for index, rule in enumerate(obj.get("rules") or ()):
        _rule(rule, ROOT / "rules" / index, out, namespaced=False)
    aggregation = obj.get("aggregationRule")
    if aggregation is None:
        return
    here = ROOT / "aggregationRule" / "clusterRoleSelectors"
    if not aggregation.get("clusterRoleSelectors"):
        out.required(here, "at least one clusterRoleSelector required if aggregationRule is non-nil")
    for index, selector in enumerate(aggregation.get("clusterRoleSelectors") or ()):
        check_selector(selector, here / index, out)


def _rule(rule: Object, at: Path, out: Problems, namespaced: bool) -> None:
    if not rule.get("verbs"):
        out.required(at / "verbs", "verbs must contain at least one value")
    urls = rule.get("nonResourceURLs")
    if urls:
        if namespaced:
            out.invalid(at / "nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            said = "rules cannot apply to both regular resources and non-resource URLs"
            out.invalid(at / "nonResourceURLs", urls, said)
        return
    if not rule.get("apiGroups"):
        out.required(at / "apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        out.required(at / "resources", "resource rules must supply at least one resource")


def role_binding(obj: Object, out: Problems) -> None:
    _binding(obj, out, ("Role", "ClusterRole"), namespaced=True)


def cluster_role_binding(obj: Object, out: Problems) -> None:
    _binding(obj, out, ("ClusterRole",), namespaced=False)


def _binding(obj: Object, out: Problems, kinds: tuple[str, ...], namespaced: bool) -> None:
    reference, here = obj.get("roleRef") or {}, ROOT / "roleRef"
    if reference.get("apiGroup") != GROUP:
        out.unsupported(here / "apiGroup", reference.get("apiGroup") or "", (GROUP,))
    if reference.get("kind") not in kinds:
        out.unsupported(here / "kind", reference.get("kind") or "", kinds)
    name = reference.get("name") or ""
    if not name:
        out.required(here / "name")
    for detail in names.path_segment(name):
        out.invalid(here / "name", name, detail)
    for index, subject in enumerate(obj.get("subjects") or ()):
        _subject(subject, ROOT / "subjects" / index, out, namespaced)


def _subject(subject: Object, at: Path, out: Problems, namespaced: bool) -> None:
    kind, name, group = (subject.get(field) or "" for field in ("kind", "name", "apiGroup"))
    if not name:
        out.required(at / "name")
    if kind == "ServiceAccount":
        for detail in names.dns1123_subdomain(name) if name else ():
            out.invalid(at / "name", name, detail)
        if group:
            out.unsupported(at / "apiGroup", group, ("",))
        if not namespaced and not subject.get("namespace"):
            out.required(at / "namespace")
    elif kind in SUBJECTS:
        if group != GROUP:
            out.unsupported(at / "apiGroup", group, (GROUP,))
    else:
        out.unsupported(at / "kind", kind, SUBJECTS)


def binding_update(obj: Object, old: Object, out: Problems) -> None:
    check = role_binding if obj.get("kind") == "RoleBinding" else cluster_role_binding
    check(obj, out)
    if obj.get("roleRef") != old.get("roleRef"):
        shown = {
            GO_NAMES[name]: value for name, value in sorted((obj.get("roleRef") or {}).items()) if name in GO_NAMES
        }
        out.invalid(ROOT / "roleRef", shown, "cannot change roleRef")
