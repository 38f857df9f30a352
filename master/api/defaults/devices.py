"""Defaults of claims on devices (resource.k8s.io)."""

from __future__ import annotations

from typing import Any

from master.api.defaults.filling import if_empty, within

Object = dict[str, Any]


def claim(obj: Object) -> None:
    _devices(within(obj, "spec"))


def claim_template(obj: Object) -> None:
    _devices(within(within(obj, "spec"), "spec"))


def _devices(spec: Object) -> None:
    """One device of a class, unless more are asked for."""
    for request in (spec.get("devices") or {}).get("requests") or ():
        exactly = [request["exactly"]] if request.get("exactly") else []
        for wanted in (*exactly, *(request.get("firstAvailable") or ())):
            if_empty(wanted, allocationMode="ExactCount")
            if wanted["allocationMode"] == "ExactCount":
                if_empty(wanted, count=1)
