"""Terms that look at other pods: affinity, anti-affinity and topology spread, compiled for a shape; and their tallies.

How it works: a `Tally` counts, for one selector and one topology key, the pods in each domain (each value of the key's
label on nodes).  It is kept as pods come and go, so that a decision looks up a number instead of counting pods.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kube import selectors
from kube.selectors import LabelSelector, Requirement

Labels = Mapping[str, str]
NO_LABELS: Labels = {}


class PodTerm(NamedTuple):
    """Pods of these namespaces (all where `everywhere`) that the selector matches, within a domain of the key."""

    topology_key: str
    selector: LabelSelector
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None = None
    weight: int = 0

    def matches(self, namespace: str, labels: Labels, namespace_labels: Labels = NO_LABELS) -> bool:
        inside = namespace in self.namespaces or (
            self.namespace_selector is not None and self.namespace_selector.matches(namespace_labels)
        )
        return inside and self.selector.matches(labels)


class Spread(NamedTuple):
    """A topology spread constraint; `hard` is DoNotSchedule."""

    max_skew: int
    topology_key: str
    hard: bool
    selector: LabelSelector
    min_domains: int
    honours_affinity: bool
    honours_taints: bool
    counts_itself: bool

    def term(self, namespace: str) -> PodTerm:
        return PodTerm(self.topology_key, self.selector, frozenset((namespace,)))


class Tally:
    """Pods that one term matches, by the value of its topology key on their node."""

    def __init__(self, term: PodTerm) -> None:
        self.term = term
        self.counts: dict[str, int] = {}
        self.total = 0

    def add(self, labels: Labels, change: int = 1) -> None:
        """A matching pod came to (1) or left (-1) a node with these labels."""
        domain = labels.get(self.term.topology_key)
        if domain is None:
            return
        self.total += change
        left = self.counts.get(domain, 0) + change
        if left:
            self.counts[domain] = left
        else:
            self.counts.pop(domain, None)


def pod_terms(
    spec: Mapping[str, Any], name: str, namespace: str, labels: Labels, required: bool = True
) -> tuple[PodTerm, ...]:
    """The required terms of `podAffinity` or `podAntiAffinity`, or the preferred ones (weight below 0: keep away)."""
    affinity = (spec.get("affinity") or {}).get(name) or {}
    if required:
        items = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        return tuple(_read(item, namespace, labels) for item in items)
    items = affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    sign = -1 if name == "podAntiAffinity" else 1
    return tuple(_read(item["podAffinityTerm"], namespace, labels, sign * item["weight"]) for item in items)


def _read(item: Mapping[str, Any], namespace: str, labels: Labels, weight: int = 0) -> PodTerm:
    named = frozenset(item.get("namespaces") or ())
    by_labels = item.get("namespaceSelector")
    selector = selectors.from_object(item.get("labelSelector"))
    for key in item.get("matchLabelKeys") or ():
        selector = _narrowed(selector, key, labels, selectors.IN)
    for key in item.get("mismatchLabelKeys") or ():
        selector = _narrowed(selector, key, labels, selectors.NOT_IN)
    return PodTerm(
        item["topologyKey"],
        selector,
        named or (frozenset() if by_labels is not None else frozenset((namespace,))),
        selectors.from_object(by_labels) if by_labels is not None else None,
        weight,
    )


def spreads(spec: Mapping[str, Any], labels: Labels) -> tuple[Spread, ...]:
    return tuple(_spread(item, labels) for item in spec.get("topologySpreadConstraints") or ())


def _spread(item: Mapping[str, Any], labels: Labels) -> Spread:
    selector = selectors.from_object(item.get("labelSelector"))
    for key in item.get("matchLabelKeys") or ():
        selector = _narrowed(selector, key, labels, selectors.IN)
    return Spread(
        max_skew=item.get("maxSkew", 1),
        topology_key=item["topologyKey"],
        hard=item.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
        selector=selector,
        min_domains=item.get("minDomains") or 1,
        honours_affinity=item.get("nodeAffinityPolicy", "Honor") == "Honor",
        honours_taints=item.get("nodeTaintsPolicy", "Ignore") == "Honor",
        counts_itself=selector.matches(labels),
    )


def _narrowed(selector: LabelSelector, key: str, labels: Labels, operator: str) -> LabelSelector:
    """The selector for pods that share (or do not share) the pod's own value of a label, if it has one."""
    if key not in labels:
        return selector
    return LabelSelector((*selector.requirements, Requirement(key, operator, frozenset((labels[key],)))))
