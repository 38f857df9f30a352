"""Defaults of the kinds that make pods, and of what scales them."""

from __future__ import annotations

from typing import Any

from master.api.defaults import pods
from master.api.defaults.filling import if_empty, if_missing, within

Object = dict[str, Any]


def pod_template(obj: Object) -> None:
    pods.template(within(obj, "template"))


def replication_controller(obj: Object) -> None:
    spec = within(obj, "spec")
    template = spec.get("template")
    labels = ((template or {}).get("metadata") or {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if_empty(within(obj, "metadata"), labels=dict(labels))
    if_missing(spec, replicas=1)
    if template is not None:
        pods.template(template)
    if_missing(within(obj, "status"), replicas=0)


def replica_set(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, replicas=1)
    pods.template(within(spec, "template"))
    if_missing(within(obj, "status"), replicas=0)


def deployment(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, replicas=1)
    pods.template(within(spec, "template"))
    strategy = within(spec, "strategy")
    if_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        if_missing(within(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")
    if_missing(spec, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    within(obj, "status")


def stateful_set(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, replicas=1)
    pods.template(within(spec, "template"))
    for claim in spec.get("volumeClaimTemplates") or ():
        if_empty(claim, kind="PersistentVolumeClaim", apiVersion="v1")
        pods.claim_spec(within(claim, "spec"))
        if_empty(within(claim, "status"), phase="Pending")
    if_empty(spec, podManagementPolicy="OrderedReady")
    strategy = within(spec, "updateStrategy")
    if_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        if_missing(within(strategy, "rollingUpdate"), partition=0)
    if_missing(spec, revisionHistoryLimit=10)
    if_empty(within(spec, "persistentVolumeClaimRetentionPolicy"), whenDeleted="Retain", whenScaled="Retain")
    if_missing(within(obj, "status"), replicas=0, availableReplicas=0)


def daemon_set(obj: Object) -> None:
    spec = within(obj, "spec")
    pods.template(within(spec, "template"))
    strategy = within(spec, "updateStrategy")
    if_empty(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        if_missing(within(strategy, "rollingUpdate"), maxUnavailable=1, maxSurge=0)
    if_missing(spec, revisionHistoryLimit=10)
    counts = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
    if_missing(within(obj, "status"), **dict.fromkeys(counts, 0))


# Jobs


def job(obj: Object) -> None:
    spec = within(obj, "spec")
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    limit = 6 if spec.get("backoffLimitPerIndex") is None else 2147483647
    if_missing(
        spec, parallelism=1, backoffLimit=limit, completionMode="NonIndexed", suspend=False, manualSelector=False
    )
    replaced = "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"
    if_missing(spec, podReplacementPolicy=replaced)
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            if_empty(pattern, status="True")
    pods.template(within(spec, "template"))
    labels = (within(spec, "template").get("metadata") or {}).get("labels")
    if labels:
        if_empty(within(obj, "metadata"), labels=dict(labels))
    within(obj, "status")


def cron_job(obj: Object) -> None:
    spec = within(obj, "spec")
    if_empty(spec, concurrencyPolicy="Allow")
    if_missing(spec, suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    job_template = within(spec, "jobTemplate")
    within(job_template, "metadata")
    pods.template(within(within(job_template, "spec"), "template"))
    within(obj, "status")


# Autoscaling


def autoscaler(obj: Object) -> None:
    spec = within(obj, "spec")
    if_missing(spec, minReplicas=1)
    if obj.get("apiVersion") == "autoscaling/v2":
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        _scaling(spec.get("behavior"))
        if_missing(within(obj, "status"), desiredReplicas=0)
        obj["status"].setdefault("currentMetrics", None)
    else:
        if_missing(within(obj, "status"), currentReplicas=0, desiredReplicas=0)


UP = (
    {"type": "Pods", "value": 4, "periodSeconds": 15},
    {"type": "Percent", "value": 100, "periodSeconds": 15},
)
DOWN = ({"type": "Percent", "value": 100, "periodSeconds": 15},)


def _scaling(behavior: Object | None) -> None:
    if behavior is None:
        return
    if_missing(within(behavior, "scaleUp"), stabilizationWindowSeconds=0)
    for name, policies in (("scaleUp", UP), ("scaleDown", DOWN)):
        rules = within(behavior, name)
        if_missing(rules, selectPolicy="Max")
        if_empty(rules, policies=[dict(policy) for policy in policies])
