"""The cluster as the scheduler sees it, kept pod by pod and node by node; decisions read it, only `Cluster` writes it.

Contract: `nodes` maps names to immutable `NodeInfo`s and changes between decisions only.  `changed_since(version)` names
the nodes touched after a version, newest first, so that a ranking refreshes those and no others.

A pod counts on its node from the moment it is assumed there; what the API says later confirms, moves or removes it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from master.scheduler import filters
from master.scheduler.budgets import Budget
from master.scheduler.nodes import NO_LOAD, Load, Node, NodeInfo
from master.scheduler.nominations import Nominations
from master.scheduler.pods import Key, Pod, Shape
from master.scheduler.topology import NO_LABELS, Labels, PodTerm, Spread, Tally
from master.scheduler.volumes import Storage


class Cluster:
    def __init__(self) -> None:
        self.nodes: dict[str, NodeInfo] = {}
        self.pods: dict[str, dict[Key, Pod]] = {}
        self.storage = Storage()
        self.namespaces: dict[str, dict[str, str]] = {}
        """Labels of each Namespace."""
        self.budgets: dict[Key, Budget] = {}
        self.nominations = Nominations()
        self.version = 0
        self.facts_version = 0
        """Moves when a node's own facts do (not its pods, not its load)."""
        self._loads: dict[str, Load] = {}
        self._domains: dict[tuple[Shape, Spread], frozenset[str]] = {}
        self._changes: OrderedDict[str, int] = OrderedDict()
        self._placed: dict[Key, Pod] = {}
        self._users: Counter[Key] = Counter()
        self._tallies: dict[PodTerm, Tally] = {}
        self._repelling: dict[PodTerm, Tally] = {}

    # Nodes

    def set_node(self, node: Node) -> bool:
        """Take a node's facts; true when something changed that may let a waiting pod in."""
        node = node.under(self._loads.get(node.name, NO_LOAD))
        before = self.nodes.get(node.name)
        if before is None:
            info = NodeInfo(node)
            for pod in self.pods.get(node.name, {}).values():
                info = info.with_pod(pod)
        else:
            info = before.on_node(node)
        if before is not None and before.node.labels != node.labels:
            self._recount(node.name, before.node.labels, -1)
            self._recount(node.name, node.labels, 1)
        elif before is None:
            self._recount(node.name, node.labels, 1)
        changed = before is None or before.node != node
        if changed:
            self._facts_changed()
        self._put(node.name, info)
        return changed

    def set_load(self, name: str, load: Load) -> None:
        """What the node's last heartbeat said of its load; NO_LOAD when it beats no more."""
        self._loads[name] = load
        info = self.nodes.get(name)
        if info is not None and info.node.load != load:
            self._put(name, info.on_node(info.node.under(load)))

    def remove_node(self, name: str) -> None:
        info = self.nodes.pop(name, None)
        if info is not None:
            self._recount(name, info.node.labels, -1)
            self._facts_changed()
            self._touch(name)

    # Pods

    def place(self, pod: Pod) -> None:
        """The pod takes its share of `pod.node` now; replaces whatever was known of it."""
        before = self._placed.get(pod.key)
        if before is not None and before.node == pod.node and before.shape is pod.shape and not pod.ended:
            self._placed[pod.key] = self.pods[pod.node][pod.key] = pod  # what it takes is as before
            return
        self.remove_pod(pod.key)
        if pod.ended or not pod.node:
            return
        self._placed[pod.key] = pod
        self._use(pod, 1)
        self.pods.setdefault(pod.node, {})[pod.key] = pod
        info = self.nodes.get(pod.node)
        if info is not None:
            self._put(pod.node, info.with_pod(pod))
            self._count(pod, info.node.labels, 1)

    def remove_pod(self, key: Key) -> Pod | None:
        pod = self._placed.pop(key, None)
        if pod is None:
            return None
        self._use(pod, -1)
        there = self.pods[pod.node]
        del there[key]
        if not there:
            del self.pods[pod.node]
        info = self.nodes.get(pod.node)
        if info is not None:
            self._put(pod.node, info.without_pod(pod))
            self._count(pod, info.node.labels, -1)
        return pod

    def placed(self, key: Key) -> Pod | None:
        return self._placed.get(key)

    def users(self, claim: Key) -> int:
        """How many placed pods use the claim."""
        return self._users[claim]

    @contextmanager
    def trial(self, name: str) -> Iterator[None]:
        """Take pods of one node away and put them back as if: in the end all is as before, and nobody has noticed."""
        info, pods, changes = self.nodes[name], dict(self.pods.get(name, {})), self._changes
        version, self._changes = self.version, OrderedDict()
        try:
            yield
        finally:
            for pod in pods.values():
                if pod.key not in self._placed:
                    self.place(pod)
            self.nodes[name], self.version, self._changes = info, version, changes

    # What decisions ask

    def changed_since(self, version: int) -> Iterator[str]:
        for name in reversed(self._changes):
            if self._changes[name] <= version:
                return
            yield name

    def tally(self, term: PodTerm) -> Tally:
        """How many placed pods the term matches in each domain; counted once, then kept."""
        tally = self._tallies.get(term)
        if tally is None:
            self._tallies[term] = tally = Tally(term)
            for name, pods in self.pods.items():
                if name in self.nodes:
                    labels = self.nodes[name].node.labels
                    for pod in pods.values():
                        if self._matches(term, pod):
                            tally.add(labels)
        return tally

    def repelling(self, pod: Pod) -> list[Tally]:
        """The anti-affinity of placed pods that this pod falls under, with the domains where they are."""
        return [tally for term, tally in self._repelling.items() if self._matches(term, pod)]

    def domains(self, shape: Shape, spread: Spread) -> frozenset[str]:
        """The domains that count for a spread: of nodes that the pod could be on by its selectors (and taints)."""
        found = self._domains.get((shape, spread))
        if found is None:
            found = frozenset(
                info.node.labels[spread.topology_key]
                for info in self.nodes.values()
                if spread.topology_key in info.node.labels
                and not (spread.honours_affinity and filters.node_affinity(shape, info))
                and not (spread.honours_taints and filters.taints(shape, info))
            )
            self._domains[shape, spread] = found
        return found

    def _facts_changed(self) -> None:
        self.facts_version += 1
        self._domains.clear()

    def forget_tallies(self, keep: int = 256) -> None:
        """Bound the counts that are kept; what is asked again is counted again."""
        if len(self._tallies) > keep:
            self._tallies.clear()
            self._domains.clear()

    def _use(self, pod: Pod, change: int) -> None:
        for name in pod.shape.claims:
            claim = (pod.key[0], name)
            self._users[claim] += change
            if not self._users[claim]:
                del self._users[claim]

    def _matches(self, term: PodTerm, pod: Pod) -> bool:
        namespace = pod.key[0]
        return term.matches(namespace, pod.shape.labels, self.namespaces.get(namespace, NO_LABELS))

    def _recount(self, name: str, labels: Labels, sign: int) -> None:
        for pod in self.pods.get(name, {}).values():
            self._count(pod, labels, sign)

    def _count(self, pod: Pod, labels: Labels, sign: int) -> None:
        for term, tally in self._tallies.items():
            if self._matches(term, pod):
                tally.add(labels, sign)
        for term in pod.shape.apart:
            tally = self._repelling.setdefault(term, Tally(term))
            tally.add(labels, sign)
            if not tally.counts:
                del self._repelling[term]

    def _put(self, name: str, info: NodeInfo) -> None:
        self.nodes[name] = info
        self._touch(name)

    def _touch(self, name: str) -> None:
        self.version += 1
        self._changes[name] = self.version
        self._changes.move_to_end(name)
