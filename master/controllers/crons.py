"""CronJobs, the arithmetic: which run is due, whether it may start, which finished jobs are history.

Pure.  A run's job is named after its minute, so that a run that was started before a crash is met again, not started twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

from kube import schedules, times
from kube.events import NORMAL, WARNING
from kube.schedules import Schedule
from master.controllers.jobs import JOB, finished
from master.controllers.objects import Object, kind, owner_reference

CRON_JOB = kind("batch/v1", "CronJob")
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANY = 100
"""Missed runs beyond which somebody should be told."""


class Said(NamedTuple):
    """An event."""

    type: str
    reason: str
    message: str


class Unusable(Exception):
    """The CronJob cannot run as it is written; `said` tells why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.said = Said(WARNING, reason, message)


@dataclass(frozen=True)
class Turn:
    """What to do now: say something, start the run of a time, `replacing` the active ones; look again after `wait` seconds."""

    wait: float
    start: datetime | None = None
    replacing: bool = False
    said: tuple[Said, ...] = ()


def timetable(cron: Object) -> tuple[Schedule, tzinfo]:
    spec = cron["spec"]
    zone_name, text = spec.get("timeZone"), spec.get("schedule", "")
    try:
        zone = ZoneInfo(zone_name) if zone_name else UTC
    except (OSError, ValueError, LookupError) as error:
        raise Unusable("UnknownTimeZone", f'invalid timeZone: "{zone_name}": {error}') from error
    try:
        return schedules.parse(text), zone
    except ValueError as error:
        raise Unusable("UnparseableSchedule", f'unparseable schedule: "{text}" : {error}') from error


def plan(cron: Object, now: datetime) -> Turn:
    """The present turn of a CronJob that is neither suspended nor going; Unusable where its schedule is none."""
    schedule, zone = timetable(cron)
    spec, status = cron["spec"], cron.get("status") or {}
    upcoming = schedule.following(now, zone)
    if upcoming is None:
        raise Unusable("InvalidSchedule", f"invalid schedule: {spec['schedule']} : no time within five years")
    wait = (upcoming - now).total_seconds()
    due, many = _due(cron, schedule, zone, now)
    if due is None or _is_started(cron, due):
        return Turn(wait)
    missed = (Said(WARNING, "TooManyMissedTimes", TOO_MANY),) if many else ()
    deadline = spec.get("startingDeadlineSeconds")
    if deadline is not None and due + timedelta(seconds=deadline) < now:
        late = f"Missed scheduled time to start a job: {due.astimezone(zone):%a, %d %b %Y %H:%M:%S %z}"
        return Turn(wait, said=(*missed, Said(WARNING, "MissSchedule", late)))
    busy, policy = bool(status.get("active")), spec.get("concurrencyPolicy")
    if busy and policy == "Forbid":
        return Turn(wait, said=(*missed, Said(NORMAL, "JobAlreadyActive", ALREADY_ACTIVE)))
    return Turn(wait, due, busy and policy == "Replace", missed)


TOO_MANY = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
ALREADY_ACTIVE = "Not starting job because prior execution is running and concurrency policy is Forbid"


def _due(cron: Object, schedule: Schedule, zone: tzinfo, now: datetime) -> tuple[datetime | None, bool]:
    """The last run up to now that was not started, and whether more than `MANY` were missed."""
    begin = times.parse((cron.get("status") or {}).get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])
    deadline = cron["spec"].get("startingDeadlineSeconds")
    if deadline is not None:
        begin = max(begin, now - timedelta(seconds=min(deadline, 10**9)))
    last = schedule.preceding(now, zone, begin)
    if last is None:
        return None, False
    missed, moment = 0, schedule.following(begin, zone)
    while moment is not None and moment <= last and missed <= MANY:
        missed, moment = missed + 1, schedule.following(moment, zone)
    return last, missed > MANY


def _is_started(cron: Object, due: datetime) -> bool:
    status = cron.get("status") or {}
    named = any(reference["name"] == job_name(cron, due) for reference in status.get("active") or ())
    return named or status.get("lastScheduleTime") == times.text(due)


def job_name(cron: Object, due: datetime) -> str:
    return f"{cron['metadata']['name']}-{int(due.timestamp()) // 60}"


def new_job(cron: Object, due: datetime) -> Object:
    template = cron["spec"]["jobTemplate"]
    meta = template.get("metadata") or {}
    zone = cron["spec"].get("timeZone")
    shown = due.astimezone(ZoneInfo(zone) if zone else UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {
            "name": job_name(cron, due),
            "labels": meta.get("labels") or {},
            "annotations": {**(meta.get("annotations") or {}), SCHEDULED: shown},
            "ownerReferences": [owner_reference(CRON_JOB, cron)],
        },
        "spec": template["spec"],
    }


def reference(job: Object) -> Object:
    """How `status.active` names a job."""
    meta = job["metadata"]
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }


# What became of the jobs


def settle(status: Object, jobs: Sequence[Object]) -> tuple[Object, tuple[Said, ...]]:
    """The status with finished jobs no longer active, and the last success noted."""
    said = []
    active = {item["uid"]: item for item in status.get("active") or ()}
    last = status.get("lastSuccessfulTime", "")
    for job in jobs:
        outcome, uid = finished(job), job["metadata"]["uid"]
        if outcome and active.pop(uid, None):
            completed = f"Saw completed job: {job['metadata']['name']}, condition: {outcome}"
            said.append(Said(NORMAL, "SawCompletedJob", completed))
        if outcome == "Complete":
            last = max(last, (job["status"].get("completionTime") or ""))
    after = {**status, "active": list(active.values()), "lastSuccessfulTime": last}
    return {name: value for name, value in after.items() if value}, tuple(said)


def strangers(status: Object, jobs: Iterable[Object]) -> list[Object]:
    """Unfinished jobs of this CronJob that it does not know."""
    known = {item["uid"] for item in status.get("active") or ()}
    return [job for job in jobs if job["metadata"]["uid"] not in known and not finished(job)]


def expired(cron: Object, jobs: Iterable[Object]) -> list[Object]:
    """The oldest finished jobs beyond the limits of history."""
    jobs, spec = sorted(jobs, key=_start_order), cron["spec"]
    gone: list[Object] = []
    for outcome, limit in (
        ("Complete", spec.get("successfulJobsHistoryLimit")),
        ("Failed", spec.get("failedJobsHistoryLimit")),
    ):
        ended = [job for job in jobs if finished(job) == outcome]
        if limit is not None:
            gone += ended[: max(0, len(ended) - limit)]
    return gone


def _start_order(job: Object) -> tuple[bool, str, str]:
    started = (job.get("status") or {}).get("startTime") or ""
    return not started, started, job["metadata"]["name"]
