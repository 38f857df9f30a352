"""Node affinity: the terms of a spec, compiled once for a shape of pods and matched against nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kube import selectors
from kube.selectors import LabelSelector


class NodeTerm(NamedTuple):
    """All of it must hold; a term with neither labels nor fields matches nothing, as upstream has it."""

    labels: LabelSelector
    fields: LabelSelector

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        if not self.labels.requirements and not self.fields.requirements:
            return False
        return self.labels.matches(labels) and self.fields.matches({"metadata.name": name})


class Preference(NamedTuple):
    weight: int
    term: NodeTerm


def read_term(term: Mapping[str, Any]) -> NodeTerm:
    return NodeTerm(
        selectors.from_object({"matchExpressions": term.get("matchExpressions") or []}),
        selectors.from_object({"matchExpressions": term.get("matchFields") or []}),
    )


def required_terms(spec: Mapping[str, Any]) -> tuple[NodeTerm, ...] | None:
    """The alternatives of which one must hold; None when nothing is required."""
    required = _node_affinity(spec).get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is None:
        return None
    return tuple(read_term(term) for term in required.get("nodeSelectorTerms") or ())


def preferences(spec: Mapping[str, Any]) -> tuple[Preference, ...]:
    preferred = _node_affinity(spec).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(Preference(item["weight"], read_term(item.get("preference") or {})) for item in preferred)


def any_matches(terms: Iterable[NodeTerm], name: str, labels: Mapping[str, str]) -> bool:
    return any(term.matches(name, labels) for term in terms)


def _node_affinity(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return (spec.get("affinity") or {}).get("nodeAffinity") or {}
