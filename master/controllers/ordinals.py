"""StatefulSets, the arithmetic: pods with names that last, made, replaced and removed one after the other.

Pure.  `plan` is one step.  OrderedReady goes up in order, each waiting for the one before, and down in reverse; Parallel
waits for nobody.  An update goes from the highest ordinal down to the partition, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kube.selectors import LabelSelector
from master.controllers.claiming import Matches, by_labels
from master.controllers.daemons import share
from master.controllers.objects import Object, is_deleting, is_ended, is_ready, kind, seconds_until_available
from master.controllers.podmaking import pod_from
from master.controllers.revisions import HASH_LABEL

STATEFUL_SET = kind("apps/v1", "StatefulSet")
POD_NAME, POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"

CARRIED = ("collisionCount", "conditions")
"""What stays in the status whatever the pods do."""


class Revision(NamedTuple):
    """The names of the revision that is being left and the one that is wanted."""

    current: str
    update: str


@dataclass(frozen=True)
class Plan:
    create: tuple[tuple[int, str], ...] = ()
    """(ordinal, name of the revision)."""
    delete: tuple[Object, ...] = ()


def ordinal_of(owner: Object, pod: Object) -> int | None:
    head, _, tail = pod["metadata"]["name"].rpartition("-")
    return int(tail) if head == owner["metadata"]["name"] and tail.isdigit() else None


def members(owner: Object, selector: LabelSelector) -> Matches:
    """Its pods bear its labels and its name."""
    labelled = by_labels(selector)
    return lambda pod: ordinal_of(owner, pod) is not None and labelled(pod)


def wanted_ordinals(owner: Object) -> range:
    start = (owner["spec"].get("ordinals") or {}).get("start", 0)
    return range(start, start + owner["spec"].get("replicas", 1))


def is_condemned(owner: Object, pod: Object) -> bool:
    """Whether it is beyond `replicas`, and will not come back."""
    return ordinal_of(owner, pod) not in wanted_ordinals(owner)


def partition_of(owner: Object) -> int:
    strategy = owner["spec"].get("updateStrategy") or {}
    return int((strategy.get("rollingUpdate") or {}).get("partition") or 0)


def revision_for(owner: Object, ordinal: int, revision: Revision, by_ordinal: Mapping[int, Object]) -> str:
    """What a pod that is made anew runs: old below the partition, and old while the update has not come down to it."""
    start, partition = wanted_ordinals(owner).start, partition_of(owner)
    if partition:
        return revision.current if ordinal < start + partition else revision.update
    above = (pod for number, pod in by_ordinal.items() if number > ordinal and not is_deleting(pod))
    reached = all(has_revision(pod, revision.update) for pod in above)
    return revision.update if reached else revision.current


def has_revision(pod: Object, name: str) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(HASH_LABEL) == name)


def is_available(owner: Object, pod: Object, now: datetime) -> bool:
    wait = seconds_until_available(pod, owner["spec"].get("minReadySeconds") or 0, now)
    return wait == 0 and not is_deleting(pod)


def plan(owner: Object, pods: Iterable[Object], revision: Revision, now: datetime) -> Plan:
    by_ordinal = {number: pod for pod in pods if (number := ordinal_of(owner, pod)) is not None}
    ordered = owner["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    wanted = wanted_ordinals(owner)
    create: list[tuple[int, str]] = []
    delete: list[Object] = []
    waiting = False
    for number in wanted:
        pod = by_ordinal.get(number)
        if pod is None:
            create.append((number, revision_for(owner, number, revision, by_ordinal)))
            waiting = True
        elif is_ended(pod) and not is_deleting(pod):
            delete.append(pod)
            waiting = True
        elif not is_available(owner, pod, now):
            waiting = True
        if waiting and ordered:
            return Plan(tuple(create), tuple(delete))
    condemned = _condemned(owner, by_ordinal, now) if ordered else _beyond(by_ordinal, wanted)
    if create or delete or condemned or any(number not in wanted for number in by_ordinal):
        return Plan(tuple(create), (*delete, *condemned))
    return Plan(delete=_outdated(owner, by_ordinal, revision, now))


def _beyond(by_ordinal: dict[int, Object], wanted: range) -> list[Object]:
    """Beyond `replicas` and not on their way out, from the highest down."""
    pods = [by_ordinal[number] for number in sorted(by_ordinal, reverse=True) if number not in wanted]
    return [pod for pod in pods if not is_deleting(pod)]


def _condemned(owner: Object, by_ordinal: dict[int, Object], now: datetime) -> list[Object]:
    """In order: the highest, after the one above it has gone; one that does not work only when all below it do."""
    beyond = sorted(number for number in by_ordinal if number not in wanted_ordinals(owner))
    if not beyond or is_deleting(by_ordinal[beyond[-1]]):
        return []
    broken = [number for number in beyond if not is_available(owner, by_ordinal[number], now)]
    stuck = beyond[-1] in broken[1:]
    return [] if stuck else [by_ordinal[beyond[-1]]]


def _outdated(owner: Object, by_ordinal: dict[int, Object], revision: Revision, now: datetime) -> tuple[Object, ...]:
    """The next pods to be replaced by the update, as many as may be missing; usually one, when those above it work."""
    if (owner["spec"].get("updateStrategy") or {}).get("type", "RollingUpdate") == "OnDelete":
        return ()
    first, left = wanted_ordinals(owner).start + partition_of(owner), max_unavailable(owner)
    going: list[Object] = []
    for number in sorted((number for number in by_ordinal if number >= first), reverse=True):
        pod = by_ordinal[number]
        outdated = not has_revision(pod, revision.update)
        if outdated and not is_deleting(pod):
            going.append(pod)
        left -= outdated or not is_available(owner, pod, now)
        if left <= 0:
            break
    return tuple(going)


def max_unavailable(owner: Object) -> int:
    """How many pods an update may take at a time."""
    rolling = (owner["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    return max(1, share(rolling.get("maxUnavailable", 1), len(wanted_ordinals(owner))))


def status(owner: Object, pods: Iterable[Object], revision: Revision, now: datetime) -> tuple[Object, float | None]:
    """The counts; an update that has reached every pod makes its revision the current one."""
    counts = dict.fromkeys(("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"), 0)
    again: float | None = None
    for pod in pods:
        counts["replicas"] += 1
        counts["readyReplicas"] += is_ready(pod)
        wait = seconds_until_available(pod, owner["spec"].get("minReadySeconds") or 0, now)
        counts["availableReplicas"] += wait == 0
        again = min((each for each in (wait, again) if each), default=None)
        if not is_deleting(pod):
            counts["currentReplicas"] += has_revision(pod, revision.current)
            counts["updatedReplicas"] += has_revision(pod, revision.update)
    current, replicas = revision.current, counts["replicas"]
    if current != revision.update and counts["updatedReplicas"] == replicas == counts["readyReplicas"]:
        current, counts["currentReplicas"] = revision.update, counts["updatedReplicas"]
    shown = {name: count for name, count in counts.items() if count or name in ("replicas", "availableReplicas")}
    names = {"currentRevision": current, "updateRevision": revision.update}
    before = owner.get("status") or {}
    carried = {"collisionCount": 0} | {name: before[name] for name in CARRIED if name in before}
    return {"observedGeneration": owner["metadata"].get("generation", 0), **shown, **names, **carried}, again


def claim_name(template: Object, pod_name: str) -> str:
    return f"{template['metadata']['name']}-{pod_name}"


def claims_of(owner: Object, pod_name: str) -> list[Object]:
    """The claims a pod of this name keeps its data in."""
    labels = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
    made = []
    for template in owner["spec"].get("volumeClaimTemplates") or ():
        meta = {**template["metadata"], "name": claim_name(template, pod_name)}
        meta["labels"] = {**(meta.get("labels") or {}), **labels}
        made.append({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": template["spec"]})
    return made


def claim_owners(owner: Object, claim: Object, pod: Object | None = None, *, condemned: bool = False) -> list[Object]:
    """The references that a claim should have: to the set, to the pod that goes for good, or to neither, as is asked."""
    policy = owner["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    ours = {obj["metadata"]["uid"] for obj in (owner, pod) if obj is not None}
    kept = [item for item in claim["metadata"].get("ownerReferences") or () if item["uid"] not in ours]
    if condemned and pod is not None and policy.get("whenScaled") == "Delete":
        return [*kept, _reference("v1", "Pod", pod)]
    if policy.get("whenDeleted") == "Delete":
        return [*kept, _reference(STATEFUL_SET.api_version, STATEFUL_SET.kind, owner)]
    return kept


def _reference(api_version: str, kind_name: str, obj: Object) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind_name,
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
    }


def new_pod(owner: Object, template: Object, ordinal: int, revision: str) -> Object:
    """The pod of an ordinal: its name, its host name, its claims."""
    pod = pod_from(owner, STATEFUL_SET, template)
    name = f"{owner['metadata']['name']}-{ordinal}"
    labels = pod["metadata"].get("labels") or {}
    pod["metadata"] |= {
        "name": name,
        "labels": {**labels, HASH_LABEL: revision, POD_NAME: name, POD_INDEX: str(ordinal)},
    }
    own = [
        {"name": item["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name(item, name)}}
        for item in owner["spec"].get("volumeClaimTemplates") or ()
    ]
    taken = {volume["name"] for volume in own}
    volumes = [*own, *(volume for volume in template["spec"].get("volumes") or () if volume["name"] not in taken)]
    spec = {**pod["spec"], "hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
    pod["spec"] = {**spec, "volumes": volumes} if volumes else spec
    return pod
