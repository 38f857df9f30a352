"""A Job's failure policy: which rule a failed pod meets first, and what it says.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from master.controllers.objects import Object


def containers(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def ended_at(pod: Object) -> str:
    """When its last container ended; empty while none has."""
    ends = [((status.get("state") or {}).get("terminated") or {}).get("finishedAt", "") for status in containers(pod)]
    return max(ends, default="") or ""


def action_of(job: Object, pod: Object) -> str:
    """What the failure policy makes of a failed pod; `Count` where it says nothing."""
    rule = matching_rule(job, pod)
    return rule[0] if rule is not None else "Count"


def matching_rule(job: Object, pod: Object) -> tuple[str, str] | None:
    """(action, message) of the first rule that the failed pod meets."""
    for number, rule in enumerate((job["spec"].get("podFailurePolicy") or {}).get("rules") or ()):
        about = _exit_code(rule.get("onExitCodes"), pod) or _condition(rule.get("onPodConditions"), pod)
        if about:
            return rule["action"], f"{about} matching {rule['action']} rule at index {number}"
    return None


def _exit_code(wanted: Mapping[str, Any] | None, pod: Object) -> str:
    if wanted is None:
        return ""
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for status in containers(pod):
        code = ((status.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        named = wanted.get("containerName") in (None, status["name"])
        if named and code and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {status['name']} for pod {name} failed with exit code {code}"
    return ""


def _condition(wanted: Sequence[Mapping[str, Any]] | None, pod: Object) -> str:
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for pattern in wanted or ():
        for item in (pod.get("status") or {}).get("conditions") or ():
            if item["type"] == pattern["type"] and item["status"] == pattern.get("status", "True"):
                return f"Pod {name} has condition {item['type']}"
    return ""
