"""When a container that ended starts again: restart policies and the back-off of 10 s that doubles to 300 s.

The first restart is immediate; each later one waits from the end of the last run.  A run of ten minutes or more starts the
count afresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FIRST = 10.0
MOST = 300.0
FORGIVEN = 2 * MOST


@dataclass(frozen=True, slots=True)
class BackOff:
    """`delay` to wait after the next end; `since` is the end that set it."""

    delay: float
    since: float

    def due(self, ended_at: float) -> float:
        """When what ended at `ended_at` may start again."""
        return ended_at if ended_at - self.since > FORGIVEN else ended_at + self.delay


def after(backoff: BackOff | None, ended_at: float) -> BackOff:
    """The back-off once what ended at `ended_at` was started again."""
    if backoff is None or ended_at - backoff.since > FORGIVEN:
        return BackOff(FIRST, ended_at)
    return BackOff(min(backoff.delay * 2, MOST), ended_at)


def starts_again(pod: dict[str, Any], container: dict[str, Any], exit_code: int) -> bool:
    """Whether a container that ended so is to run again: a rule for its exit code goes before its policy."""
    return _ruled(container, exit_code) or restarts(policy(pod, container), exit_code)


def init_starts_again(pod: dict[str, Any], container: dict[str, Any], exit_code: int) -> bool:
    return _ruled(container, exit_code) or restarts_init(policy(pod, container), exit_code)


def _ruled(container: dict[str, Any], exit_code: int) -> bool:
    for rule in container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        if (exit_code in (codes.get("values") or ())) == (codes.get("operator") == "In"):
            return bool(rule["action"] == "Restart")
    return False


def policy(pod: dict[str, Any], container: dict[str, Any]) -> str:
    """Always, OnFailure or Never: the container's own where it has one; an init container is not restarted once it is done."""
    own = container.get("restartPolicy")
    return str(own or pod["spec"].get("restartPolicy") or "Always")


def restarts(policy: str, exit_code: int) -> bool:
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def restarts_init(policy: str, exit_code: int) -> bool:
    """An init container that succeeded is done, whatever the policy; one that failed ends the pod only under Never."""
    return exit_code != 0 and policy != "Never"


def is_sidecar(container: dict[str, Any]) -> bool:
    """Among init containers: one that runs beside the pod's life."""
    return container.get("restartPolicy") == "Always"
