"""What the scheduler keeps of claims, volumes and storage classes, and which volumes could serve a claim on a node.

How it works: a claim that is bound ties its pod to where its volume can be reached.  One whose class waits for its first
consumer is given, for each node, the smallest volume there that is free and suits, or is left to the class's provisioner.
What was promised to a claim (`take`) is free for no other, until the API tells how it went.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kube import quantities, selectors
from kube.affinity import NodeTerm, any_matches, read_term
from kube.selectors import EVERYTHING, LabelSelector

Key = tuple[str, str]
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
ONCE_BY_ONE_POD = "ReadWriteOncePod"
ZONE_LABELS = (
    ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"),
    ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    key: Key
    uid: str = ""
    storage_class: str = ""
    volume: str = ""
    bound: bool = False
    lost: bool = False
    deleting: bool = False
    selected_node: str = ""
    asked: int = 0
    modes: frozenset[str] = frozenset()
    volume_mode: str = "Filesystem"
    selector: LabelSelector = EVERYTHING

    @property
    def of_one_pod(self) -> bool:
        return ONCE_BY_ONE_POD in self.modes


@dataclass(frozen=True, slots=True)
class Volume:
    """`claim` is (namespace, name, uid) of whom it is kept for; the uid is empty while only reserved by name."""

    name: str
    storage_class: str = ""
    capacity: int = 0
    modes: frozenset[str] = frozenset()
    volume_mode: str = "Filesystem"
    available: bool = False
    deleting: bool = False
    claim: tuple[str, str, str] | None = None
    required: tuple[NodeTerm, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def reachable(self, node: str, labels: Mapping[str, str]) -> bool:
        return self.required is None or any_matches(self.required, node, labels)

    def in_zone(self, labels: Mapping[str, str]) -> bool:
        """Whether its zone and region are the node's; a node that tells none takes every volume."""
        for names in ZONE_LABELS:
            mine = next((self.labels[name] for name in names if name in self.labels), None)
            theirs = next((labels[name] for name in names if name in labels), None)
            if mine is not None and theirs is not None and theirs not in mine.split("__"):
                return False
        return True

    def kept_for(self, claim: Claim) -> bool:
        return self.claim is not None and self.claim[:2] == claim.key and self.claim[2] in ("", claim.uid)

    def suits(self, claim: Claim) -> bool:
        """Whether it is what the claim asks for, whoever has it."""
        return (
            self.capacity >= claim.asked
            and self.storage_class == claim.storage_class
            and self.volume_mode == claim.volume_mode
            and self.modes >= claim.modes
            and claim.selector.matches(self.labels)
            and not self.deleting
        )


@dataclass(frozen=True, slots=True)
class StorageClass:
    name: str
    waits: bool = False
    """Volumes are bound when the first pod that uses the claim has a node."""
    provisions: bool = False
    topologies: tuple[LabelSelector, ...] = ()

    def allows(self, labels: Mapping[str, str]) -> bool:
        return not self.topologies or any(topology.matches(labels) for topology in self.topologies)


class Plan(NamedTuple):
    """What has to happen before a pod is bound to a node."""

    bind: tuple[tuple[Claim, Volume], ...] = ()
    provision: tuple[Claim, ...] = ()

    @property
    def claims(self) -> list[Key]:
        """All that are to be bound."""
        return [claim.key for claim, _ in self.bind] + [claim.key for claim in self.provision]


NO_PLAN = Plan()


class Storage:
    def __init__(self) -> None:
        self.claims: dict[Key, Claim] = {}
        self.volumes: dict[str, Volume] = {}
        self.classes: dict[str, StorageClass] = {}
        self._taken: dict[str, Key] = {}

    def waits(self, claim: Claim) -> bool:
        found = self.classes.get(claim.storage_class)
        return found is not None and found.waits

    def plan(self, claims: tuple[Claim, ...], node: str, labels: Mapping[str, str]) -> Plan | None:
        """How the unbound claims would be served on the node; None when one cannot be."""
        bind: list[tuple[Claim, Volume]] = []
        provision: list[Claim] = []
        used: set[str] = set()
        for claim in sorted(claims, key=lambda claim: claim.asked):
            if claim.selected_node and claim.selected_node != node:
                return None
            volume = None if claim.selected_node else self._match(claim, node, labels, used)
            if volume is not None:
                used.add(volume.name)
                bind.append((claim, volume))
            elif self._provisionable(claim, labels):
                provision.append(claim)
            else:
                return None
        return Plan(tuple(bind), tuple(provision))

    def take(self, plan: Plan) -> None:
        for claim, volume in plan.bind:
            self._taken[volume.name] = claim.key

    def give_back(self, plan: Plan) -> None:
        for claim, volume in plan.bind:
            if self._taken.get(volume.name) == claim.key:
                del self._taken[volume.name]

    def _match(self, claim: Claim, node: str, labels: Mapping[str, str], used: set[str]) -> Volume | None:
        best: Volume | None = None
        for volume in self.volumes.values():
            if volume.name in used or not volume.suits(claim) or not volume.reachable(node, labels):
                continue
            if volume.kept_for(claim) or self._taken.get(volume.name) == claim.key:
                return volume
            free = volume.available and volume.claim is None and volume.name not in self._taken
            if free and (best is None or volume.capacity < best.capacity):
                best = volume
        return best

    def _provisionable(self, claim: Claim, labels: Mapping[str, str]) -> bool:
        found = self.classes.get(claim.storage_class)
        return found is not None and found.provisions and found.allows(labels)


def read_claim(obj: Mapping[str, Any]) -> Claim:
    meta, spec = obj["metadata"], obj.get("spec") or {}
    notes, phase = meta.get("annotations") or {}, (obj.get("status") or {}).get("phase")
    return Claim(
        key=(meta["namespace"], meta["name"]),
        uid=meta.get("uid", ""),
        storage_class=notes.get(OLD_CLASS) or spec.get("storageClassName") or "",
        volume=spec.get("volumeName") or "",
        bound=phase == "Bound" or bool(spec.get("volumeName") and BIND_COMPLETED in notes),
        lost=phase == "Lost",
        deleting="deletionTimestamp" in meta,
        selected_node=notes.get(SELECTED_NODE, ""),
        asked=_size((spec.get("resources") or {}).get("requests")),
        modes=frozenset(spec.get("accessModes") or ()),
        volume_mode=spec.get("volumeMode") or "Filesystem",
        selector=selectors.from_object(spec["selector"]) if spec.get("selector") else EVERYTHING,
    )


def read_volume(obj: Mapping[str, Any]) -> Volume:
    meta, spec = obj["metadata"], obj.get("spec") or {}
    required = (spec.get("nodeAffinity") or {}).get("required")
    kept = spec.get("claimRef")
    return Volume(
        name=meta["name"],
        storage_class=(meta.get("annotations") or {}).get(OLD_CLASS) or spec.get("storageClassName") or "",
        capacity=_size(spec.get("capacity")),
        modes=frozenset(spec.get("accessModes") or ()),
        volume_mode=spec.get("volumeMode") or "Filesystem",
        available=(obj.get("status") or {}).get("phase") == "Available",
        deleting="deletionTimestamp" in meta,
        claim=(kept.get("namespace", ""), kept.get("name", ""), kept.get("uid", "")) if kept else None,
        required=tuple(map(read_term, required.get("nodeSelectorTerms") or ())) if required else None,
        labels=dict(meta.get("labels") or {}),
    )


def read_class(obj: Mapping[str, Any]) -> StorageClass:
    return StorageClass(
        name=obj["metadata"]["name"],
        waits=obj.get("volumeBindingMode") == "WaitForFirstConsumer",
        provisions=obj.get("provisioner") not in (None, "", NO_PROVISIONER),
        topologies=tuple(map(_topology, obj.get("allowedTopologies") or ())),
    )


def _topology(term: Mapping[str, Any]) -> LabelSelector:
    rows = term.get("matchLabelExpressions") or ()
    return selectors.from_object({"matchExpressions": [{**row, "operator": "In"} for row in rows]})


def _size(amounts: Mapping[str, str] | None) -> int:
    return quantities.value(str((amounts or {}).get("storage", 0)))
