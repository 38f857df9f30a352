"""A pod's claims as a rule about nodes: where its volumes can be reached, and where the missing ones could come to be."""

from __future__ import annotations

from dataclasses import dataclass

from master.scheduler import wording
from master.scheduler.cluster import Cluster
from master.scheduler.filters import Refusal
from master.scheduler.nodes import NodeInfo
from master.scheduler.pods import Pod
from master.scheduler.volumes import Claim, Plan, Storage, Volume

IN_USE = Refusal(
    ("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",), fixed=False
)
UNREACHABLE = Refusal(("node(s) didn't match PersistentVolume's node affinity",), fixed=True)
NONE_TO_BIND = Refusal(("node(s) didn't find available persistent volumes to bind",), fixed=True)
NO_VOLUME = Refusal(("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",), fixed=True)
OTHER_ZONE = Refusal(("node(s) had no available volume zone",), fixed=True)


@dataclass(frozen=True, slots=True)
class Mounts:
    storage: Storage
    bound: tuple[Volume | None, ...]
    """Volumes of bound claims; None where it does not exist any more."""
    unbound: tuple[Claim, ...]
    in_use: bool

    def refusal(self, info: NodeInfo) -> Refusal | None:
        name, labels = info.node.name, info.node.labels
        if self.in_use:
            return IN_USE
        if None in self.bound:
            return NO_VOLUME
        volumes = [volume for volume in self.bound if volume is not None]
        if not all(volume.reachable(name, labels) for volume in volumes):
            return UNREACHABLE
        if self.plan(info) is None:
            return NONE_TO_BIND
        return None if all(volume.in_zone(labels) for volume in volumes) else OTHER_ZONE

    def extra(self, _info: NodeInfo) -> float:
        return 0.0

    def plan(self, info: NodeInfo) -> Plan | None:
        return self.storage.plan(self.unbound, info.node.name, info.node.labels)


def obstacle(pod: Pod, cluster: Cluster) -> str:
    """What is wrong with the pod's claims whatever the node; empty when nothing is."""
    total, storage = len(cluster.nodes), cluster.storage
    for name in pod.shape.claims:
        claim = storage.claims.get((pod.key[0], name))
        if claim is None:
            return wording.no_claim(total, name, generated=name in pod.shape.generated)
        if claim.lost:
            said = f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim.volume}"'
            return wording.hindered(total, said)
        if claim.deleting:
            return wording.hindered(total, f'persistentvolumeclaim "{name}" is being deleted')
    if any(not claim.bound and not storage.waits(claim) for claim in _claims(pod, cluster)):
        return wording.hindered(total, "pod has unbound immediate PersistentVolumeClaims")
    return ""


def mounts(pod: Pod, cluster: Cluster) -> Mounts | None:
    """None when the pod has no claims; meant for pods without an obstacle."""
    if not pod.shape.claims:
        return None
    claims, storage = _claims(pod, cluster), cluster.storage
    return Mounts(
        storage,
        tuple(storage.volumes.get(claim.volume) for claim in claims if claim.bound),
        tuple(claim for claim in claims if not claim.bound),
        any(claim.of_one_pod and cluster.users(claim.key) for claim in claims),
    )


def _claims(pod: Pod, cluster: Cluster) -> list[Claim]:
    keys = ((pod.key[0], name) for name in pod.shape.claims)
    return [cluster.storage.claims[key] for key in keys if key in cluster.storage.claims]
