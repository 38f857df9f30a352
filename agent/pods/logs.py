"""Which of a container's runs has the log that someone asks for, or why there is none yet, in the words clients know.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kube.errors import bad_request

GROUPS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
WAITING = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}
"""What a client is told instead of the reason of a waiting container."""


def logged_run(pod: Mapping[str, Any], name: str, previous: bool) -> str:
    """The runtime's id of the run; ApiError 400 when there is none.

    The present run, or the last one while the container waits for its next; `previous` asks for the run before.
    """
    who = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    states = [state for group in GROUPS for state in pod.get("status", {}).get(group) or () if state["name"] == name]
    if not states:
        raise bad_request(f"{who} is not available")
    state, last = states[0]["state"], states[0].get("lastState") or {}
    if previous:
        if not _id(last):
            raise bad_request(f"previous terminated {who} not found")
        return _id(last)
    if "running" in state:
        return _bare(states[0].get("containerID", ""))
    found = _id(state) or _id(last)
    if not found:
        reason = state.get("waiting", {}).get("reason", "no logs yet")
        raise bad_request(f"{who} is waiting to start: {WAITING.get(reason, reason)}")
    return found


def _id(state: Mapping[str, Any]) -> str:
    return _bare((state.get("terminated") or {}).get("containerID") or "")


def _bare(container_id: str) -> str:
    return container_id.rpartition("/")[2]
