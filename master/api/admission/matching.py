"""Which writes a webhook or a policy asks for: by rule, by the namespace's labels, by the object's own.

Configurations of admission itself are never matched: a bad one must not stand in the way of its own removal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kube import selectors
from master.api.contract import Attributes, Object, Reader
from master.api.rows import NAMESPACE

EXEMPT = "admissionregistration.k8s.io"


def matches(wanted: Object, rules: str, attributes: Attributes, reader: Reader, excluded: str = "") -> bool:
    """`rules` and `excluded` name the members of `wanted` that hold rules."""
    if attributes.kind.group == EXEMPT:
        return False
    if not any(_in_rule(rule, attributes) for rule in wanted.get(rules) or ()):
        return False
    if excluded and any(_in_rule(rule, attributes) for rule in wanted.get(excluded) or ()):
        return False
    return _in_namespace(wanted.get("namespaceSelector"), attributes, reader) and _is_object(
        wanted.get("objectSelector"), attributes
    )


def _in_rule(rule: Object, attributes: Attributes) -> bool:
    kind = attributes.kind
    names = rule.get("resourceNames")
    return (
        _either(rule.get("operations"), attributes.operation)
        and _either(rule.get("apiGroups"), kind.group)
        and _either(rule.get("apiVersions"), kind.version)
        and any(_is_resource(each, kind.plural, attributes.subresource) for each in rule.get("resources") or ())
        and _in_scope(rule.get("scope") or "*", attributes)
        and (not names or attributes.name in names)
    )


def _either(wanted: Iterable[str] | None, found: str) -> bool:
    words = list(wanted or ())
    return "*" in words or found in words


def _is_resource(wanted: str, plural: str, subresource: str) -> bool:
    """`pods`, `pods/status`, `pods/*`, `*/scale`, `*` (no subresource), `*/*`."""
    name, _, part = wanted.partition("/")
    return name in ("*", plural) and part in ("*", subresource)


def _in_scope(scope: str, attributes: Attributes) -> bool:
    if scope == "*":
        return True
    inside = bool(attributes.namespace) and attributes.kind is not NAMESPACE
    return inside if scope == "Namespaced" else not inside


def _in_namespace(selector: Any, attributes: Attributes, reader: Reader) -> bool:
    if not selector:
        return True
    if attributes.kind is NAMESPACE:
        found = attributes.object if attributes.operation == "CREATE" else attributes.old or attributes.object
    elif not attributes.namespace:
        return True
    else:
        found = reader.get(NAMESPACE, "", attributes.namespace)
    return selectors.from_object(selector).matches(_labels(found))


def _is_object(selector: Any, attributes: Attributes) -> bool:
    if not selector:
        return True
    wanted = selectors.from_object(selector)
    return any(wanted.matches(_labels(each)) for each in (attributes.object, attributes.old) if each is not None)


def _labels(obj: Object | None) -> Object:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}
