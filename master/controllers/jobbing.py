"""Jobs: pods that run to their end, counted once each.  Applies what `jobs` works out, one step at a time.

A step that writes wakes the next by what it changed: name the ended pods, let them go, count them, say it is over.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kube import times
from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from kube.informers import Index
from master.controllers import indexes, jobs
from master.controllers.claiming import by_labels, selector_of, wakes
from master.controllers.context import POD, Context
from master.controllers.jobs import JOB, TRACKING, Pods, Verdict
from master.controllers.loop import Loop
from master.controllers.objects import (
    Key,
    Object,
    condition,
    controller_of,
    is_deleting,
    is_ready,
    key_of,
    set_condition,
    status_patch,
)
from master.controllers.podmaking import PodMaker

COMPONENT = "job-controller"
SHOWN_IF_SET = frozenset(("active", "succeeded", "failed", "completedIndexes"))


def build(context: Context) -> Loop:
    return Jobs(context).loop


class Jobs:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._jobs = context.informer(JOB)
        self._maker = PodMaker(context, JOB, COMPONENT)
        self._counted: dict[str, set[str]] = {}
        self._events = context.recorder(COMPONENT)
        self.loop = Loop(COMPONENT, self.reconcile, lambda: list(self._jobs.store))
        self._tracked = Index(self._maker.pods, _tracked_for)
        self._jobs.on_change(self._job_changed)
        self._maker.pods.on_change(wakes(JOB, self._jobs, selector_of, self.loop.add))
        self._maker.pods.on_change(self._tracked_changed)

    async def reconcile(self, key: Key) -> float | None:
        job = self._jobs.store.get(key)
        if job is not None and (job["spec"].get("managedBy") not in jobs.OURS or not self._maker.has_seen(key)):
            return None
        if job is None or is_deleting(job) or jobs.finished(job):
            await self._let_go(self._tracked.get(key))
            return await self._expire(key, job) if job is not None and not is_deleting(job) else None
        owned = await self._maker.claim(job, by_labels(selector_of(job)), TRACKING)
        mine = {pod["metadata"]["uid"] for pod in owned}
        await self._let_go([pod for pod in self._tracked.get(key) if pod["metadata"]["uid"] not in mine])
        now, pods = datetime.now(UTC), jobs.sort_pods(job, self._present(job, owned))
        status = {**(job.get("status") or {})}
        over = self._decided(job) or jobs.verdict(job, pods, now)
        again = await self._advance(key, job, pods, status, over)
        await self._count(key, job, jobs.outcomes(job, pods, over.type if over else ""), status)
        return again

    def _present(self, job: Object, owned: list[Object]) -> list[Object]:
        """The pods, with those that were counted as let go even if the news has not come back yet."""
        counted = self._counted.get(job["metadata"]["uid"], set())
        return [jobs.without_tracking(pod) if pod["metadata"]["uid"] in counted else pod for pod in owned]

    async def _advance(self, key: Key, job: Object, pods: Pods, status: Object, over: Verdict | None) -> float | None:
        """Start, stop or end; `status` is filled with what comes of it."""
        now = datetime.now(UTC)
        self._shape(job, pods, status, now)
        if over is not None:
            await self._maker.delete_all(key, job, list(pods.active))
            status["active"] = 0
            self._tell_over(status, over, now)
            return None
        waits = jobs.until_deadline(job, now)
        if job["spec"].get("suspend"):
            await self._maker.delete_all(key, job, list(pods.active))
            status["active"] = 0
        else:
            await self._maker.delete_all(key, job, jobs.surplus(job, pods))
            wanted, rest = jobs.starts(job, pods, now)
            last = jobs.last_failures(job, pods)
            made = [jobs.new_pod(job, index, None if index is None else last.get(index)) for index in wanted]
            refused = await self._maker.create_all(key, job, made)
            if refused:
                raise ApiError(500, "FailedCreate", refused)
            status["active"] = len(pods.active) + len(wanted)
            waits = min((wait for wait in (waits, rest) if wait), default=None)
        return waits

    def _decided(self, job: Object) -> Verdict | None:
        """What was decided before and still waits for its pods to be counted."""
        for target, type_ in (("FailureTarget", "Failed"), ("SuccessCriteriaMet", "Complete")):
            found = condition(job, target)
            if found is not None and found["status"] == "True":
                return Verdict(type_, found["reason"], found.get("message", ""))
        return None

    def _shape(self, job: Object, pods: Pods, status: Object, now: datetime) -> None:
        """The part of the status that follows from the pods, and the suspension."""
        suspended = bool(job["spec"].get("suspend"))
        status["ready"] = sum(map(is_ready, pods.active))
        status["terminating"] = len(pods.terminating)
        if indexes.is_indexed(job):
            done = jobs.completed_indexes(job, pods)
            status |= {"completedIndexes": indexes.index_text(done), "succeeded": len(done)}
            if indexes.limits_each(job):
                status["failedIndexes"] = indexes.index_text(jobs.failed_indexes(job, pods))
        noted = condition(job, "Suspended")
        if suspended != (noted is not None and noted["status"] == "True"):
            if suspended or noted is not None:
                said = "Suspended" if suspended else "Resumed"
                self._events.record(about(JOB, job), NORMAL, said, f"Job {said.lower()}")
                self._put(status, "Suspended", suspended, f"Job{said}", f"Job {said.lower()}", now)
            status.pop("startTime", None)
        if not suspended:
            status.setdefault("startTime", times.text(now))

    def _tell_over(self, status: Object, over: Verdict, now: datetime) -> None:
        target = "FailureTarget" if over.type == "Failed" else "SuccessCriteriaMet"
        self._put(status, target, True, over.reason, over.message, now)

    def _put(self, status: Object, type_: str, on: bool, reason: str, message: str, now: datetime) -> None:
        text = times.text(now)
        said = {"type": type_, "status": "True" if on else "False", "reason": reason, "message": message}
        before = condition({"status": status}, type_)
        if before is None or before["status"] != said["status"]:
            said["lastProbeTime"] = text
            status["conditions"] = set_condition(status.get("conditions") or [], said, text)

    async def _count(self, key: Key, job: Object, ended: dict[str, list[Object]], status: Object) -> None:
        """Name the ended pods, let them go, then count them; the job is over when all are counted."""
        names = jobs.uncounted(job)
        for outcome in ("failed",) if indexes.is_indexed(job) else ("succeeded", "failed"):
            fresh = [pod["metadata"]["uid"] for pod in filter(jobs.counter(job), ended[outcome])]
            names[outcome] = list(dict.fromkeys([*(names.get(outcome) or ()), *fresh]))
        status["uncountedTerminatedPods"] = {outcome: listed for outcome, listed in names.items() if listed}
        version = job["metadata"]["resourceVersion"]
        version, before = await self._write(key, version, job.get("status") or {}, status)
        await self._let_go([pod for pods in ended.values() for pod in pods])
        for outcome, listed in names.items():
            if listed:
                status[outcome] = int(status.get(outcome, 0)) + len(listed)
                self._counted.setdefault(job["metadata"]["uid"], set()).update(listed)
        status["uncountedTerminatedPods"] = {}
        told = self._finish(job, status)
        await self._write(key, version, before, status)
        if told is not None:
            self._events.record(about(JOB, job), *told)

    def _finish(self, job: Object, status: Object) -> tuple[str, str, str] | None:
        """The job's end, noted in `status`; the event that tells of it once it is written."""
        over = self._decided({"status": status})
        if over is None or status.get("active") or status.get("terminating") or jobs.finished({"status": status}):
            return None
        if self._live(job):
            return None
        now = datetime.now(UTC)
        self._put(status, over.type, True, over.reason, over.message, now)
        if over.type == "Complete":
            status["completionTime"] = times.text(now)
            return NORMAL, "Completed", "Job completed"
        return WARNING, over.reason, over.message

    def _live(self, job: Object) -> bool:
        """Whether pods are still to end: deletion was asked for, but they run on for their grace."""
        pods = jobs.sort_pods(job, self._maker.owned(job))
        return bool(pods.active or pods.terminating)

    async def _write(self, key: Key, version: str, before: Object, status: Object) -> tuple[str, Object]:
        """Written over the version it was computed from and no other; the version and status that are there now."""
        shown = {name: value for name, value in status.items() if value or name not in SHOWN_IF_SET}
        change = status_patch(before, shown)
        if change is None:
            return version, before
        change["metadata"] = {"resourceVersion": version}
        live = await self._client.patch(JOB, *key, change, subresource="status")
        return live["metadata"]["resourceVersion"], shown

    async def _let_go(self, pods: list[Object]) -> None:
        for pod in pods:
            meta = pod["metadata"]
            kept = [name for name in meta.get("finalizers") or () if name != TRACKING]
            try:
                await self._client.patch(
                    POD, *key_of(pod), {"metadata": {"uid": meta["uid"], "finalizers": kept or None}}
                )
            except ApiError as error:
                if error.status != 404:
                    raise

    async def _expire(self, key: Key, job: Object) -> float | None:
        """A finished job with a time to live goes when it has run out."""
        lifetime = job["spec"].get("ttlSecondsAfterFinished")
        if lifetime is None:
            return None
        ended = condition(job, jobs.finished(job)) or {}
        left = float(lifetime) - (datetime.now(UTC) - times.parse(ended["lastTransitionTime"])).total_seconds()
        if left > 0:
            return left
        await self._client.delete(JOB, *key, propagation="Foreground", uid=job["metadata"]["uid"])
        return None

    def _job_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            self._counted.pop(old["metadata"]["uid"], None)
        for job in filter(None, (new or old,)):
            self.loop.add(key_of(job))

    def _tracked_changed(self, _event: str, _old: Object | None, new: Object | None) -> None:
        """A pod that carries our finalizer is let go by us even when its job is gone or lost it."""
        if new is not None and controller_of(new) is None:
            for key in _tracked_for(new):
                self.loop.add(key)


def _tracked_for(pod: Object) -> list[Key]:
    """The job that a pod with our finalizer is, or was, of."""
    meta = pod["metadata"]
    if not jobs.is_tracked(pod):
        return []
    owner = controller_of(pod)
    name = (meta.get("labels") or {}).get(jobs.JOB_NAME, "") if owner is None else owner["name"]
    return [(meta["namespace"], name)]
