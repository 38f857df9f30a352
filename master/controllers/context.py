"""What a controller is given: the client, shared informers (one watch a kind for all of them), events, settings.

Informers keep only what some controller reads.  `FIELDS` is the table of it: objects of a kind without a row are kept
whole but for their managedFields; `METADATA_ONLY` suffices for kinds that only garbage collection looks at.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kube.certificates import Pair
from kube.client import Client
from kube.config import MasterConfig
from kube.events import Recorder
from kube.informers import Informer
from kube.kinds import Kind
from master.controllers.objects import Object, kind

RELIST = 300.0

POD = kind("v1", "Pod")
NODE = kind("v1", "Node")
LEASE = kind("coordination.k8s.io/v1", "Lease")
DEFINITION = kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")

KEPT_METADATA = (
    "name",
    "namespace",
    "uid",
    "labels",
    "annotations",
    "ownerReferences",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "finalizers",
    "creationTimestamp",
    "generation",
)
POD_METADATA = tuple(name for name in KEPT_METADATA if name != "annotations")
POD_SPEC = ("nodeName", "hostname", "subdomain", "tolerations", "readinessGates", "hostNetwork")
POD_STATUS = ("phase", "podIP", "podIPs", "reason", "startTime")
CLAIMING = frozenset(("persistentVolumeClaim", "ephemeral"))
"""The volumes of a pod that stand for a claim."""
POD_CONDITIONS = frozenset(("Ready",))
POD_ANNOTATIONS = (
    "controller.kubernetes.io/pod-deletion-cost",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-index-failure-count",
    "batch.kubernetes.io/job-index-ignored-failure-count",
)


@dataclass
class Context:
    """`authority` is the cluster's CA with its key, for signing; without it nothing is signed."""

    client: Client
    config: MasterConfig
    authority: Pair | None = None
    root_ca: str = ""
    _informers: dict[Kind, Informer] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    _others: list[Informer] = field(default_factory=list)
    _polled: list[Informer] = field(default_factory=list)
    _followed: dict[Kind, tuple[Informer, asyncio.Task[None]]] = field(default_factory=dict)
    _recorders: dict[str, Recorder] = field(default_factory=dict)
    _group: asyncio.TaskGroup | None = None

    def informer(self, row: Kind) -> Informer:
        """The one informer of a kind; ask for it while building, before `start` and before anyone's `metadata`."""
        if row not in self._informers:
            self._informers[row] = Informer(self.client, row, project=FIELDS.get(row, whole))
        return self._informers[row]

    def metadata(self, row: Kind) -> Informer:
        """As `informer`, for who needs the metadata only: kept whole when another controller needs more."""
        return self._informers.get(row) or self._informers.setdefault(
            row, Informer(self.client, row, project=FIELDS.get(row, metadata_only))
        )

    def listed(self, row: Kind) -> Informer:
        """A kind's metadata, listed each `RELIST` seconds instead of watched, unless it is watched anyway."""
        if row in self._informers:
            return self._informers[row]
        self._polled.append(Informer(self.client, row, project=metadata_only))
        return self._polled[-1]

    def also(self, informer: Informer) -> Informer:
        """An informer of a part of a kind, run with the others."""
        self._others.append(informer)
        return informer

    def follow(self, row: Kind) -> Informer:
        """The metadata of a kind that came up while the controllers run; one watch for all who follow it."""
        assert self._group is not None, "nothing comes up before the start"
        if row not in self._followed:
            informer = Informer(self.client, row, project=metadata_only)
            self._followed[row] = informer, self._group.create_task(informer.run())
        return self._followed[row][0]

    def unfollow(self, row: Kind) -> None:
        """The kind has gone: those who followed it are told that its objects have."""
        informer, task = self._followed.pop(row, (None, None))
        if informer is not None and task is not None:
            task.cancel()
            informer.replace({})

    def recorder(self, component: str) -> Recorder:
        if component not in self._recorders:
            self._recorders[component] = Recorder(self.client, component)
        return self._recorders[component]

    def start(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        for informer in [*self._informers.values(), *self._others]:
            group.create_task(informer.run())
        for informer in self._polled:
            group.create_task(informer.poll(RELIST))
        for recorder in self._recorders.values():
            group.create_task(recorder.run())

    async def synced(self) -> None:
        for informer in [*self._informers.values(), *self._others, *self._polled]:
            await informer.synced.wait()


def whole(obj: Object) -> Object:
    obj["metadata"].pop("managedFields", None)
    return obj


def metadata_only(obj: Object) -> Object:
    return {"metadata": _pick(obj["metadata"], KEPT_METADATA)}


def trimmed_pod(obj: Object) -> Object:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    kept_status = _pick(status, POD_STATUS)
    conditions = [
        {name: item[name] for name in ("type", "status", "lastTransitionTime") if name in item}
        for item in status.get("conditions") or ()
        if item["type"] in POD_CONDITIONS
    ]
    if conditions:
        kept_status["conditions"] = conditions
    kept_spec = _pick(spec, POD_SPEC)
    owners = {owner["kind"] for owner in obj["metadata"].get("ownerReferences") or ()}
    if "DaemonSet" in owners:
        kept_spec |= _pick(spec, ("affinity",))
    if "Job" in owners:
        kept_status |= _pick(status, ("conditions", "containerStatuses", "initContainerStatuses"))
    if volumes := [volume for volume in spec.get("volumes") or () if not CLAIMING.isdisjoint(volume)]:
        kept_spec["volumes"] = volumes
    ports = [port for container in spec.get("containers") or () for port in container.get("ports") or ()]
    if ports:
        kept_spec["ports"] = ports
    metadata = _pick(obj["metadata"], POD_METADATA)
    if annotations := _pick(obj["metadata"].get("annotations") or {}, POD_ANNOTATIONS):
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": kept_spec, "status": kept_status}


def trimmed_lease(obj: Object) -> Object:
    spec = _pick(obj.get("spec") or {}, ("holderIdentity", "renewTime", "leaseDurationSeconds"))
    return {"metadata": _pick(obj["metadata"], KEPT_METADATA), "spec": spec}


def trimmed_node(obj: Object) -> Object:
    status = _pick(obj.get("status") or {}, ("conditions", "addresses"))
    return {"metadata": _pick(obj["metadata"], KEPT_METADATA), "spec": obj.get("spec") or {}, "status": status}


def trimmed_definition(obj: Object) -> Object:
    """Without the schemas."""
    spec, status = obj["spec"], obj.get("status") or {}
    versions = [_pick(version, ("name", "served", "storage")) for version in spec["versions"]]
    kept = _pick(spec, ("group", "names", "scope")) | {"versions": versions}
    conditions = [_pick(one, ("type", "status")) for one in status.get("conditions") or ()]
    return {"metadata": _pick(obj["metadata"], KEPT_METADATA), "spec": kept, "status": {"conditions": conditions}}


FIELDS: dict[Kind, Callable[[Object], Any]] = {
    POD: trimmed_pod,
    LEASE: trimmed_lease,
    NODE: trimmed_node,
    DEFINITION: trimmed_definition,
}


def _pick(source: Object, names: tuple[str, ...]) -> Object:
    return {name: source[name] for name in names if name in source}
