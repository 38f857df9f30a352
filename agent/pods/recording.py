"""Events about pods and their containers, in the words and under the component's name that clients of a node know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kube import events
from kube.client import Client

COMPONENT = "kubelet"


class Recorder:
    """`record` returns at once; `run` sends until cancelled."""

    def __init__(self, client: Client, node_name: str) -> None:
        self._recorder = events.Recorder(client, COMPONENT, node_name)

    def record(self, pod: Mapping[str, Any], type: str, reason: str, message: str, container: str = "") -> None:
        meta = pod["metadata"]
        field = f"spec.{_group(pod, container)}{{{container}}}" if container else ""
        about = events.About("v1", "Pod", meta["namespace"], meta["name"], meta["uid"], field)
        self._recorder.record(about, type, reason, message)

    async def run(self) -> None:
        await self._recorder.run()


def _group(pod: Mapping[str, Any], name: str) -> str:
    """The list of the spec that a container is in."""
    spec = pod["spec"]
    groups = ("initContainers", "ephemeralContainers")
    return next((group for group in groups if any(c["name"] == name for c in spec.get(group) or ())), "containers")
