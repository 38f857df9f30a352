"""Statuses: counts that are none, or more than the whole they are part of."""

from __future__ import annotations

from collections.abc import Callable

from master.api.validation.addresses import ip_address
from master.api.validation.problems import ROOT, Problems
from master.api.validation.rules import Object, at_least, check, each, inner, optional, pointer

STATUS = ROOT / "status"
WHOLE = "cannot be greater than status.replicas"
READY = "cannot be greater than readyReplicas"


def counts(*names: str) -> Callable[[Object, Object, Problems], None]:
    """The rule for a status whose fields count: none is negative, and no part of the replicas exceeds them."""
    rules = tuple(pointer(name, at_least(0)) for name in names)
    parts = [name for name in names if name in PARTS]

    def rule(obj: Object, _old: Object, out: Problems) -> None:
        status = obj.get("status") or {}
        check(rules, status, STATUS, out)
        for name in parts:
            if (status.get(name) or 0) > (status.get("replicas") or 0):
                out.invalid(STATUS / name, status[name], WHOLE)
        if "readyReplicas" in parts and (status.get("availableReplicas") or 0) > (status.get("readyReplicas") or 0):
            out.invalid(STATUS / "availableReplicas", status["availableReplicas"], READY)

    return rule


PARTS = frozenset({"updatedReplicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas", "currentReplicas"})
REPLICAS = ("replicas", "readyReplicas", "availableReplicas", "observedGeneration")

deployment = counts(*REPLICAS, "updatedReplicas", "unavailableReplicas")
replica_set = counts(*REPLICAS, "fullyLabeledReplicas")
stateful_set = counts(*REPLICAS, "currentReplicas", "updatedReplicas")
daemon_set = counts(
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
)
job = counts("active", "succeeded", "failed")
disruption_budget = counts("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")

INGRESS = inner("status", inner("loadBalancer", each("ingress", optional("ip", ip_address))))


def load_balancer(obj: Object, _old: Object, out: Problems) -> None:
    check((INGRESS,), obj, ROOT, out)
