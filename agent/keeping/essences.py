"""What of an object a node needs: informers hold no more, and no more is kept.  Pure."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def node(obj: Object) -> Object:
    """What routes, volumes and placement ask of a Node; its heartbeat is no news."""
    meta, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return {
        "metadata": {name: meta[name] for name in ("name", "uid", "labels", "annotations") if name in meta},
        "spec": {name: spec[name] for name in ("podCIDR", "podCIDRs", "taints", "unschedulable") if name in spec},
        "status": {"addresses": status.get("addresses") or []},
    }
