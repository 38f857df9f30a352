"""Nodes: taints, ranges of pod addresses, what they offer; and Leases, by which they say that they live."""

from __future__ import annotations

from master.api.validation.addresses import cidr
from master.api.validation.problems import ROOT, Problems
from master.api.validation.resources import check_amount
from master.api.validation.rules import Object, Rule, at_least, check, each_value, inner, pointer
from master.api.validation.scheduling import taints

# The server's own slip: the taints lie in the spec and are reported in the metadata.
TAINTS: tuple[Rule, ...] = (taints("taints"),)


def node(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    if spec.get("taints"):
        check(TAINTS, spec, ROOT / "metadata", out)
    check((each_value("podCIDRs", cidr),), spec, ROOT / "spec", out)


def node_update(obj: Object, old: Object, out: Problems) -> None:
    node(obj, out)
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    if before.get("podCIDRs") and spec.get("podCIDRs") != before["podCIDRs"]:
        out.forbidden(ROOT / "spec" / "podCIDRs", 'node updates may not change podCIDR except from "" to valid')
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        out.forbidden(ROOT / "spec" / "providerID", 'node updates may not change providerID except from "" to valid')


def node_status_update(obj: Object, _old: Object, out: Problems) -> None:
    status = obj.get("status") or {}
    for name in ("capacity", "allocatable"):
        for resource, text in (status.get(name) or {}).items():
            check_amount(resource, text, (ROOT / "status" / name)[resource], out)


LEASE = (
    pointer("leaseDurationSeconds", lambda value: () if value > 0 else ("must be greater than 0",)),
    pointer("leaseTransitions", at_least(0)),
)


def lease(obj: Object, out: Problems) -> None:
    check((inner("spec", *LEASE),), obj, ROOT, out)
