"""Pods that were promised a node, while its present pods leave: their room counts as taken for who is not more important."""

from __future__ import annotations

from dataclasses import dataclass

from master.scheduler.filters import Refusal, refusal
from master.scheduler.nodes import NodeInfo
from master.scheduler.pods import Key, Pod


class Nominations:
    def __init__(self) -> None:
        self._node_of: dict[Key, str] = {}
        self._waiting: dict[str, dict[Key, Pod]] = {}

    def promise(self, pod: Pod, node: str) -> None:
        self.forget(pod.key)
        if node:
            self._node_of[pod.key] = node
            self._waiting.setdefault(node, {})[pod.key] = pod

    def forget(self, key: Key) -> None:
        node = self._node_of.pop(key, None)
        if node is not None:
            waiting = self._waiting[node]
            del waiting[key]
            if not waiting:
                del self._waiting[node]

    def node_of(self, key: Key) -> str:
        """Where the pod was promised a place; empty when nowhere."""
        return self._node_of.get(key, "")

    def weaker(self, node: str, priority: int) -> list[Pod]:
        """The less important pods that wait for this node: another takes what they were promised."""
        return [pod for pod in self._waiting.get(node, {}).values() if pod.priority < priority]

    def guests(self, pod: Pod) -> Guests | None:
        """The others whose promised room this pod respects; None when nobody waits, which is the common case."""
        if not self._waiting:
            return None
        guests = {
            node: tuple(other for other in waiting.values() if other.priority >= pod.priority and other.key != pod.key)
            for node, waiting in self._waiting.items()
        }
        return (
            Guests(pod, {node: others for node, others in guests.items() if others}) if any(guests.values()) else None
        )


@dataclass(frozen=True, slots=True)
class Guests:
    """A node fits only if it does with its expected pods on it as well."""

    pod: Pod
    expected: dict[str, tuple[Pod, ...]]

    def refusal(self, info: NodeInfo) -> Refusal | None:
        others = self.expected.get(info.node.name)
        if not others:
            return None
        for other in others:
            info = info.with_pod(other)
        return refusal(self.pod.shape, info)

    def extra(self, _info: NodeInfo) -> float:
        return 0.0
