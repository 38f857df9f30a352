"""The cells of controllers' objects: how far along they are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from master.api.tables.cells import NONE, UNKNOWN, UNSET, Cell, human_duration, moment, since, value

Object = dict[str, Any]
# The first condition that holds names a job's status; deletion comes between these and those.
ENDED = ("Complete", "Failed")
PAUSED = (("Suspended", "Suspended"), ("FailureTarget", "FailureTarget"), ("SuccessCriteriaMet", "SuccessCriteriaMet"))


def ready_of(wanted: str) -> Cell:
    """`ready/wanted`."""
    return lambda obj: f"{value(obj, 'status.readyReplicas') or 0}/{value(obj, wanted) or 0}"


def controller(obj: Object) -> str:
    """Whose object this is: `daemonset.apps/web`."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            group = owner["apiVersion"].rpartition("/")[0]
            return f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return NONE


# Jobs


def job_status(job: Object) -> str:
    true = {one["type"] for one in value(job, "status.conditions") or () if one["status"] == "True"}
    for condition in ENDED:
        if condition in true:
            return condition
    if "deletionTimestamp" in job["metadata"]:
        return "Terminating"
    return next((word for condition, word in PAUSED if condition in true), "Running")


def completions(job: Object) -> str:
    done, wanted = value(job, "status.succeeded") or 0, value(job, "spec.completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = value(job, "spec.parallelism") or 0
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def job_duration(job: Object) -> str:
    start, end = moment(value(job, "status.startTime")), moment(value(job, "status.completionTime"))
    if start is None:
        return ""
    return human_duration(((end or datetime.now(UTC)) - start).total_seconds())


def suspended(cron_job: Object) -> str:
    return "True" if value(cron_job, "spec.suspend") else "False"


# Autoscalers


def reference(autoscaler: Object) -> str:
    target = value(autoscaler, "spec.scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def targets(autoscaler: Object) -> str:
    """Each metric as `name: present/wanted`; two of them, and how many there are more."""
    current = value(autoscaler, "status.currentMetrics") or []
    wanted = value(autoscaler, "spec.metrics") or []
    listed = [_target(metric, current[index] if index < len(current) else {}) for index, metric in enumerate(wanted)]
    if not listed:
        return NONE
    return ", ".join(listed[:2]) + (f" + {len(listed) - 2} more..." if len(listed) > 2 else "")


def _target(metric: Object, current: Object) -> str:
    kind = metric.get("type", "")
    member = kind[:1].lower() + kind[1:]
    spec, status = metric.get(member) or {}, (current or {}).get(member) or {}
    name = f"{spec['name']}: " if kind in ("Resource", "ContainerResource") else ""
    return f"{name}{_amount(status.get('current') or {})}/{_amount(spec.get('target') or {})}"


def _amount(target: Object) -> str:
    if target.get("averageUtilization") is not None:
        return f"{target['averageUtilization']}%"
    if target.get("averageValue") is not None:
        return f"{target['averageValue']}" + (" (avg)" if target.get("type") == "AverageValue" else "")
    return str(target.get("value") or UNKNOWN)


def least(autoscaler: Object) -> str:
    found = value(autoscaler, "spec.minReplicas")
    return UNSET if found is None else str(found)


# Events


def event_last_seen(event: Object) -> str:
    series = value(event, "series.lastObservedTime")
    return since(series or event.get("lastTimestamp") or event.get("firstTimestamp") or event.get("eventTime"))


def event_first_seen(event: Object) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"))


def event_object(event: Object) -> str:
    found = event.get("involvedObject") or event.get("regarding") or {}
    kind, name = found.get("kind", "").lower(), found.get("name", "")
    return f"{kind}/{name}" if name else str(kind)


def event_source(event: Object) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or event.get("reportingComponent") or event.get("reportingController")
    host = source.get("host") or event.get("reportingInstance")
    return ", ".join(part for part in (component, host) if part)


def event_count(event: Object) -> int:
    series = value(event, "series.count")
    return int(series or event.get("count") or event.get("deprecatedCount") or 1)
