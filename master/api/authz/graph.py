"""Which node needs which object: edges from nodes to what their pods name, kept up to date write by write.

A pod that is bound is only noted; what it names is read when its node first asks.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from master.api.authz.references import Reference, references
from master.api.contract import Object, Reader
from master.api.rows import PERSISTENT_VOLUME, POD
from master.api.sources import Change, Source

Needed = tuple[str, str, str]
"""(resource, namespace, name)."""

LATER = (b'"ephemeralContainers"', b'"resourceClaimStatuses"')
"""What a pod that is bound may still come to name other objects by."""
NODE_NAME = 0
"""Where an entry of a pod keeps its node among its fields."""


class Graph:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pods: dict[tuple[str, str], tuple[str, frozenset[Reference]]] = {}
        self._needed: dict[str, Counter[Needed]] = {}
        self._unread: dict[str, dict[tuple[str, str], Any]] = {}
        self.load()

    def load(self) -> None:
        """Start over from what the reader has."""
        self._pods.clear()
        self._needed.clear()
        self._unread.clear()
        for pod in self._reader.list(POD):
            self.put(pod)

    def watch(self, source: Source) -> None:
        source.listen(POD, self._on_change)

    def _on_change(self, change: Change) -> None:
        entry = change.entry
        pod, node = (entry.namespace, entry.name), entry.fields[NODE_NAME]
        if change.type == "DELETED":
            self._unread.get(node, {}).pop(pod, None)
            self.drop(*pod)
        elif node and (pod not in self._pods or any(member in entry.tail for member in LATER)):
            self._unread.setdefault(node, {})[pod] = entry

    def put(self, pod: Object) -> None:
        """A pod without a node concerns no node."""
        meta, node = pod["metadata"], pod["spec"].get("nodeName", "")
        namespace, name = meta["namespace"], meta["name"]
        self.drop(namespace, name)
        if not node:
            return
        found = references(pod)
        self._pods[namespace, name] = (node, found)
        self._needed.setdefault(node, Counter()).update(_needed(namespace, name, found))

    def drop(self, namespace: str, name: str) -> None:
        node, found = self._pods.pop((namespace, name), ("", frozenset[Reference]()))
        if not node:
            return
        counter = self._needed[node]
        for needed in _needed(namespace, name, found):
            counter[needed] -= 1
            if not counter[needed]:
                del counter[needed]
        if not counter:
            del self._needed[node]

    def needs(self, node: str, resource: str, namespace: str, name: str) -> bool:
        for entry in self._unread.pop(node, {}).values():
            self.put(entry.decode())
        counter = self._needed.get(node)
        if counter is None:
            return False
        if resource == "persistentvolumes":
            return self._needs_volume(counter, name)
        return (resource, namespace, name) in counter

    def _needs_volume(self, counter: Counter[Needed], name: str) -> bool:
        volume = self._reader.get(PERSISTENT_VOLUME, "", name)
        claim: dict[str, Any] = ((volume or {}).get("spec") or {}).get("claimRef") or {}
        return ("persistentvolumeclaims", claim.get("namespace", ""), claim.get("name", "")) in counter


def _needed(namespace: str, name: str, found: frozenset[Reference]) -> list[Needed]:
    return [("pods", namespace, name), *((resource, namespace, named) for resource, named in found)]
