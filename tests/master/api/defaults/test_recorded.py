"""Fifty objects as the server completes them, whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from master.api.defaults import apply_defaults

Object = dict[str, Any]

# What is not a default: admission, allocation and the caller's identity write these fields.
OTHERS: dict[str, tuple[str, ...]] = {
    "CertificateSigningRequest": ("spec.username", "spec.groups", "spec.uid"),
    "Node": ("spec.taints",),
    "PersistentVolume": ("metadata.finalizers",),
    "PersistentVolumeClaim": ("metadata.finalizers",),
    "Pod": ("spec.tolerations", "spec.priority", "spec.preemptionPolicy"),
    "Service": ("spec.clusterIP", "spec.clusterIPs", "spec.ipFamilies", "spec.ipFamilyPolicy", "spec.ports"),
}


def without(obj: Object, fields: tuple[str, ...]) -> Object:
    kept: Object = json.loads(json.dumps(obj))
    for field in fields:
        *steps, last = field.split(".")
        found: Any = kept
        for step in steps:
            found = found.get(step, {})
        found.pop(last, None)
    return kept


def same(want: Any, got: Any) -> bool:
    """Equal but for what differs from run to run."""
    if want == "*":
        return True
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(same(value, got[name]) for name, value in want.items())
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(same, want, got))
    return bool(want == got)


def test_recorded_defaults(
    facts: Callable[[str], list[Object]], created: Callable[..., Any], kind_at: Callable[[str], Any]
) -> None:
    differ = []
    for row in facts("defaults"):
        kind = kind_at(row["path"])
        made = created(json.dumps(row["body"]).encode(), kind)
        fields = ("metadata.managedFields", "metadata.uid", "metadata.creationTimestamp", *OTHERS.get(kind.kind, ()))
        if made.causes or not same(without(row["answer"], fields), without(made.object, fields)):
            differ.append(row["name"])
    assert not differ


def test_defaults_change_nothing_the_second_time(
    facts: Callable[[str], list[Object]], created: Callable[..., Any], kind_at: Callable[[str], Any]
) -> None:
    for row in facts("defaults"):
        kind = kind_at(row["path"])
        once = created(json.dumps(row["body"]).encode(), kind).object
        again = json.loads(json.dumps(once))
        apply_defaults(kind, again)
        assert again == once, row["name"]
