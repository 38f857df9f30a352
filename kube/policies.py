"""The peers of a NetworkPolicy, in words that both sides share: a controller finds their addresses, nodes look them up.

Where they meet: the controller writes the addresses of each group of pods that a policy names into EndpointSlices of the
policy's own, labelled with the group's key.  No node needs to read the cluster's pods for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from kube.selectors import LabelSelector, from_object

Object = dict[str, Any]

GROUP_LABEL = "wherry.dev/policy-peers"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "policy-controller.wherry.dev"


@dataclass(frozen=True)
class Group:
    """Pods that a peer names; `namespaces` None means those of the policy's own namespace."""

    namespaces: Mapping[str, Any] | None
    pods: Mapping[str, Any]

    @cached_property
    def key(self) -> str:
        words = orjson.dumps([self.namespaces, self.pods], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(words).hexdigest()[:16]

    @cached_property
    def _selectors(self) -> tuple[LabelSelector | None, LabelSelector]:
        return None if self.namespaces is None else from_object(self.namespaces), from_object(self.pods)

    def matches(self, *, own: bool, namespace: Mapping[str, str] | None, pod: Mapping[str, str] | None) -> bool:
        """Whether a pod is meant: the labels of its namespace and its own; `own` says that it lies beside the policy."""
        namespaces, pods = self._selectors
        return (own if namespaces is None else namespaces.matches(namespace)) and pods.matches(pod)


EVERY_POD = Group({}, {})


def group_of(peer: Object) -> Group | None:
    """The pods that a peer names; None where it names a block of addresses."""
    if "ipBlock" in peer:
        return None
    return Group(peer.get("namespaceSelector"), peer.get("podSelector") or {})


def groups(policy: Object) -> dict[str, Group]:
    """Every group of pods whose addresses a node must know to apply the policy, by key."""
    return {group.key: group for group in _groups(policy.get("spec") or {})}


def uses_named_ports(policy: Object) -> bool:
    """Whether a way out is named by a port's name, which each peer may give another number."""
    return any(has_names(rule) for rule in (policy.get("spec") or {}).get("egress") or ())


def has_names(rule: Object) -> bool:
    return any(isinstance(port.get("port"), str) for port in rule.get("ports") or ())


def _groups(spec: Object) -> Iterator[Group]:
    for rule in spec.get("ingress") or ():
        yield from filter(None, map(group_of, rule.get("from") or ()))
    for rule in spec.get("egress") or ():
        peers = rule.get("to") or ()
        yield from filter(None, map(group_of, peers))
        if not peers and has_names(rule):
            yield EVERY_POD


def named_ports(ports: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str, int], ...]:
    """The ports of a pod that have a name: name, protocol, number; the first of a name counts."""
    found: dict[str, tuple[str, str, int]] = {}
    for port in ports:
        if port.get("name"):
            found.setdefault(port["name"], (port["name"], port.get("protocol") or "TCP", port["containerPort"]))
    return tuple(sorted(found.values()))
