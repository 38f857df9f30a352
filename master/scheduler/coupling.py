"""One pod's rules about other pods, ready to be asked node by node: `refusal` where it may not go, `extra` what it likes.

Everything is a look-up in the cluster's tallies; nothing is counted for a decision.
"""

from __future__ import annotations

from master.scheduler.cluster import Cluster
from master.scheduler.filters import Refusal
from master.scheduler.nodes import NodeInfo
from master.scheduler.pods import Pod
from master.scheduler.topology import Spread, Tally

LIKING_WEIGHT = 2.0
SPREAD_WEIGHT = 2.0

REPELLED = Refusal(("node(s) didn't satisfy existing pods anti-affinity rules",), fixed=False)
NOT_APART = Refusal(("node(s) didn't match pod anti-affinity rules",), fixed=False)
NOT_NEAR = Refusal(("node(s) didn't match pod affinity rules",), fixed=True)
UNEVEN = Refusal(("node(s) didn't match pod topology spread constraints",), fixed=False)
NO_DOMAIN = Refusal(("node(s) didn't match pod topology spread constraints (missing required label)",), fixed=True)


def coupling(pod: Pod, cluster: Cluster) -> Coupling | None:
    """None when no other pod matters."""
    if not pod.shape.coupled and not cluster.repelling(pod):
        return None
    return Coupling(pod, cluster)


class Coupling:
    def __init__(self, pod: Pod, cluster: Cluster) -> None:
        shape, namespace = pod.shape, pod.key[0]
        self._repelled = cluster.repelling(pod)
        self._near = [cluster.tally(term) for term in shape.near]
        self._apart = [cluster.tally(term) for term in shape.apart]
        self._liked = [cluster.tally(term) for term in shape.liked]
        self._spreads = [(spread, cluster.tally(spread.term(namespace))) for spread in shape.spreads]
        self._fewest = {
            spread: _fewest(spread, tally, cluster.domains(shape, spread)) for spread, tally in self._spreads
        }
        labels = cluster.namespaces.get(namespace, {})
        self._first = not any(tally.total for tally in self._near) and all(
            term.matches(namespace, shape.labels, labels) for term in shape.near
        )

    def refusal(self, info: NodeInfo) -> Refusal | None:
        labels = info.node.labels
        for spread, tally in self._spreads:
            if not spread.hard:
                continue
            domain = labels.get(spread.topology_key)
            if domain is None:
                return NO_DOMAIN
            there = tally.counts.get(domain, 0) + spread.counts_itself
            if there - self._fewest[spread] > spread.max_skew:
                return UNEVEN
        if not all(self._is_near(tally, labels) for tally in self._near):
            return NOT_NEAR
        if any(_present(tally, labels) for tally in self._apart):
            return NOT_APART
        return REPELLED if any(_present(tally, labels) for tally in self._repelled) else None

    def extra(self, info: NodeInfo) -> float:
        """What the soft rules add to the node's score: full weight in the best domain, none in the worst."""
        labels = info.node.labels
        added = 0.0
        for spread, tally in self._spreads:
            there = tally.counts.get(labels.get(spread.topology_key, ""), 0)
            if spread.topology_key in labels:
                added += SPREAD_WEIGHT * 100 * (1 - there / (1 + max(tally.counts.values(), default=0)))
        for tally in self._liked:
            there = tally.counts.get(labels.get(tally.term.topology_key, ""), 0)
            added += LIKING_WEIGHT * tally.term.weight * there / max(tally.counts.values(), default=1)
        return added

    def _is_near(self, tally: Tally, labels: dict[str, str]) -> bool:
        """A term is met where its pods are; the first pod of a group that wants itself may start anywhere."""
        return _present(tally, labels) or (self._first and tally.term.topology_key in labels)


def _present(tally: Tally, labels: dict[str, str]) -> bool:
    domain = labels.get(tally.term.topology_key)
    return domain is not None and domain in tally.counts


def _fewest(spread: Spread, tally: Tally, domains: frozenset[str]) -> int:
    """Pods in the emptiest domain that counts; 0 while there are fewer domains than wanted."""
    if len(domains) < spread.min_domains or not domains:
        return 0
    return min(tally.counts.get(domain, 0) for domain in domains)
