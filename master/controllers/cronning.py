"""CronJobs: jobs that are started by the clock.  Applies what `crons` works out, and looks again when the next run is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from kube import times
from kube.errors import ApiError
from kube.events import NORMAL, WARNING, about
from kube.informers import Index
from master.controllers import crons
from master.controllers.adopting import owners
from master.controllers.context import Context
from master.controllers.crons import CRON_JOB, Said, Turn, Unusable
from master.controllers.jobs import JOB, finished
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, controller_of, controller_uid, is_deleting, key_of, status_patch

COMPONENT = "cronjob-controller"
AFTER_DUE = 0.1
LONGEST_WAIT = 60.0
"""Seconds after which the clock is looked at again, as a board's may be set while we wait."""


def build(context: Context) -> Loop:
    return CronJobs(context).loop


class CronJobs:
    def __init__(self, context: Context, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._client, self._now = context.client, now
        self._crons, self._jobs = context.informer(CRON_JOB), context.informer(JOB)
        self._jobs_by_owner = Index(self._jobs, owners)
        self._events = context.recorder(COMPONENT)
        self.loop = Loop(COMPONENT, self.reconcile, lambda: list(self._crons.store))
        self._crons.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))
        self._jobs.on_change(self._job_changed)

    async def reconcile(self, key: Key) -> float | None:
        cron = self._crons.store.get(key)
        if cron is None:
            return None
        jobs = self._jobs_by_owner.get(("owner", cron["metadata"]["uid"]))
        before = cron.get("status") or {}
        status, said = crons.settle(before, jobs)
        status = await self._without_missing(cron, status, jobs)
        wait = await self._turn(key, {**cron, "status": status}, status)
        await self._tell_strangers(cron, status, jobs)
        for job in crons.expired(cron, jobs):
            await self._delete(cron, job)
        if change := status_patch(before, status):
            change["metadata"] = {"resourceVersion": cron["metadata"]["resourceVersion"]}
            await self._client.patch(CRON_JOB, *key, change, subresource="status")
        self._say(cron, *said)
        return wait

    async def _without_missing(self, cron: Object, status: Object, jobs: list[Object]) -> Object:
        """The status without active jobs that are gone."""
        present = {job["metadata"]["uid"] for job in jobs}
        kept = []
        for reference in status.get("active") or ():
            if reference["uid"] in present or await self._is_there(reference):
                kept.append(reference)
            else:
                self._say(cron, Said(NORMAL, "MissingJob", f"Active job went missing: {reference['name']}"))
        rest = {name: value for name, value in status.items() if name != "active"}
        return rest | ({"active": kept} if kept else {})

    async def _tell_strangers(self, cron: Object, status: Object, jobs: list[Object]) -> None:
        """Unfinished jobs that nobody noted; the present status decides, as ours may be behind."""
        if strangers := crons.strangers(status, jobs):
            live = await self._client.get(CRON_JOB, *key_of(cron))
            for job in crons.strangers(live.get("status") or {}, strangers):
                name = job["metadata"]["name"]
                said = f"Saw a job that the controller did not create or forgot: {name}"
                self._say(cron, Said(WARNING, "UnexpectedJob", said))

    async def _is_there(self, reference: Object) -> bool:
        try:
            job = await self._client.get(JOB, reference["namespace"], reference["name"])
        except ApiError as error:
            if error.status != 404:
                raise
            return False
        return bool(job["metadata"]["uid"] == reference["uid"])

    async def _turn(self, key: Key, cron: Object, status: Object) -> float | None:
        """Start what is due, noting it in `status`; seconds until the next look."""
        if is_deleting(cron) or cron["spec"].get("suspend"):
            return None
        try:
            turn = crons.plan(cron, self._now())
        except Unusable as error:
            self._say(cron, error.said)
            return None
        self._say(cron, *turn.said)
        if turn.start is not None:
            await self._start(key, cron, turn, turn.start, status)
        return min(LONGEST_WAIT, turn.wait + AFTER_DUE)

    async def _start(self, key: Key, cron: Object, turn: Turn, due: datetime, status: Object) -> None:
        if turn.replacing:
            for reference in status.pop("active"):
                job = self._jobs.store.get((key[0], reference["name"]))
                if job is not None:
                    await self._delete(cron, job)
        job = await self._create(key, cron, due)
        if controller_uid(job) == cron["metadata"]["uid"] and not finished(job):
            status["active"] = [*(status.get("active") or ()), crons.reference(job)]
        status["lastScheduleTime"] = times.text(due)

    async def _create(self, key: Key, cron: Object, due: datetime) -> Object:
        wanted = crons.new_job(cron, due)
        try:
            made = await self._client.create(JOB, key[0], wanted)
        except ApiError as error:
            if error.reason == "AlreadyExists":
                return await self._client.get(JOB, key[0], wanted["metadata"]["name"])
            self._say(cron, Said(WARNING, "FailedCreate", f"Error creating job: {error.message}"))
            raise
        self._say(cron, Said(NORMAL, "SuccessfulCreate", f"Created job {made['metadata']['name']}"))
        return made

    async def _delete(self, cron: Object, job: Object) -> None:
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        try:
            await self._client.delete(JOB, *key_of(job), propagation="Background", uid=uid)
        except ApiError as error:
            if error.status != 404:
                raise
            return
        self._say(cron, Said(NORMAL, "SuccessfulDelete", f"Deleted job {name}"))

    def _say(self, cron: Object, *said: Said) -> None:
        for event in said:
            self._events.record(about(CRON_JOB, cron), *event)

    def _job_changed(self, _event: str, old: Object | None, new: Object | None) -> None:
        for job in filter(None, (old, new)):
            reference = controller_of(job)
            if reference is not None and reference["kind"] == CRON_JOB.kind:
                self.loop.add((job["metadata"]["namespace"], reference["name"]))
