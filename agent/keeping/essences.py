"""What of an object a node needs: informers hold no more, and no more is kept.  Pure."""

from __future__ import annotations

from typing import Any

from kube.resources import is_extended

Object = dict[str, Any]


def node(obj: Object) -> Object:
    """What routes, volumes and placement ask of a Node, and what others advertise on it; its heartbeat is no news."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return {
        "metadata": {name: meta[name] for name in ("name", "uid", "labels", "annotations") if name in meta},
        "spec": {name: spec[name] for name in ("podCIDR", "podCIDRs", "taints", "unschedulable") if name in spec},
        "status": {
            "addresses": status.get("addresses") or [],
            **{name: _extended(status.get(name)) for name in ("capacity", "allocatable")},
        },
    }


def _extended(resources: Object | None) -> Object:
    return {name: amount for name, amount in (resources or {}).items() if is_extended(name)}
