"""The condition that says who sends a pod away, and why; a Job's failure policy reads it (KEP-3329)."""

from __future__ import annotations

from typing import Any

DISRUPTION_TARGET = "DisruptionTarget"


def disruption(generation: int, reason: str, message: str, now: str) -> dict[str, Any]:
    """Of a pod of this generation; `now` as the API writes times."""
    return {
        "type": DISRUPTION_TARGET,
        "status": "True",
        "observedGeneration": generation,
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }
