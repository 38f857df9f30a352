"""The cells of a node."""

from __future__ import annotations

from typing import Any

from master.api.tables.cells import NONE, Cell, value

Object = dict[str, Any]
ROLE, OLD_ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"


def status(node: Object) -> str:
    found = next((one for one in value(node, "status.conditions") or () if one["type"] == "Ready"), None)
    words = ["Unknown" if found is None else "Ready" if found["status"] == "True" else "NotReady"]
    if value(node, "spec.unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def roles(node: Object) -> str:
    labels = node["metadata"].get("labels") or {}
    found = {label.removeprefix(ROLE) for label in labels if label.startswith(ROLE)}
    found |= {labels[OLD_ROLE]} if labels.get(OLD_ROLE) else set()
    return ",".join(sorted(found - {""})) or NONE


def address(type: str) -> Cell:
    def cell(node: Object) -> str:
        listed = value(node, "status.addresses") or ()
        return next((one["address"] for one in listed if one["type"] == type), NONE)

    return cell
