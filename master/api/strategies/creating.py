"""Creating: an empty status, the first generation, and what some kinds derive from themselves."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from kube.kinds import Kind, is_built_in
from kube.times import now
from master.api.quality import qos_class
from master.api.strategies.tables import TEMPLATE_GENERATION, counts, new_status

Object = dict[str, Any]


def prepare_create(kind: Kind, obj: Object) -> None:
    meta = obj.setdefault("metadata", {})
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        meta.pop(name, None)
    if counts(kind):
        meta["generation"] = 1
    if not is_built_in(kind):
        if kind.subresource("status"):
            obj.pop("status", None)
        return
    if (status := new_status(kind)) is not None:
        obj["status"] = copy.deepcopy(status)
    if finish := ON_CREATE.get(kind.kind):
        finish(obj)


def _new_pod(obj: Object) -> None:
    spec = obj["spec"]
    status = obj["status"]
    status["qosClass"] = qos_class(spec)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    if spec.get("schedulingGates"):
        gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
        gated["message"] = "Scheduling is blocked due to non-empty scheduling gates"
        status["conditions"] = [{**gated, "lastProbeTime": None, "lastTransitionTime": None}]
    for constraint in spec.get("topologySpreadConstraints") or ():
        _extend_selector(constraint, constraint.get("matchLabelKeys") or (), obj["metadata"].get("labels") or {})


def _extend_selector(obj: Object, keys: list[str] | tuple[str, ...], labels: dict[str, str]) -> None:
    """`matchLabelKeys` becomes requirements on the pod's own values (KEP-3243)."""
    found = obj.get("labelSelector")
    if found is None:
        return
    for key in keys:
        if key in labels:
            wanted = {"key": key, "operator": "In", "values": [labels[key]]}
            found["matchExpressions"] = [*(found.get("matchExpressions") or ()), wanted]


def _new_namespace(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    finalizers = spec.get("finalizers") or []
    if "kubernetes" not in finalizers:
        spec["finalizers"] = [*finalizers, "kubernetes"]


def _new_volume(obj: Object) -> None:
    obj["status"]["lastPhaseTransitionTime"] = now()


def _new_daemon_set(obj: Object) -> None:
    obj["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = "1"


def _new_limit_range(obj: Object) -> None:
    """The one kind that takes its uid for a name."""
    meta = obj["metadata"]
    meta["name"] = meta.get("name") or meta.get("uid", "")


JOB_LABELS = ("batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name")


def _new_job(obj: Object) -> None:
    """A job selects its pods by its own uid, unless it says that it has chosen another way."""
    spec, meta = obj["spec"], obj["metadata"]
    if spec.get("manualSelector"):
        return
    uid, name = meta.get("uid", ""), meta.get("name", "")
    values = (uid, name, uid, name)
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    for label, value in zip(JOB_LABELS, values, strict=True):
        labels.setdefault(label, value)
    if not spec.get("selector"):
        spec["selector"] = {"matchLabels": {JOB_LABELS[0]: uid}}
    if not meta.get("labels"):
        meta["labels"] = dict(labels)


def _new_network_policy(obj: Object) -> None:
    obj.pop("status", None)


ON_CREATE: dict[str, Callable[[Object], None]] = {
    "DaemonSet": _new_daemon_set,
    "Job": _new_job,
    "LimitRange": _new_limit_range,
    "Namespace": _new_namespace,
    "NetworkPolicy": _new_network_policy,
    "PersistentVolume": _new_volume,
    "Pod": _new_pod,
}
