"""Jobs, the arithmetic: what has succeeded and failed, whether the job is over and why, how many pods to start.

Pure.  How counting stays right: every pod of a job carries a finalizer, so none vanishes uncounted.  An ended pod is first
named in `status.uncountedTerminatedPods`, then let go, then counted; a crash in between repeats a step and counts nothing
twice.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kube import times
from master.controllers import indexes
from master.controllers.failures import action_of, containers, ended_at, matching_rule
from master.controllers.indexes import INDEX, index_of, is_indexed
from master.controllers.objects import Object, is_deleting, is_ended, is_ready, kind
from master.controllers.podmaking import pod_from

JOB = kind("batch/v1", "Job")
TRACKING = "batch.kubernetes.io/job-tracking"
JOB_NAME = "batch.kubernetes.io/job-name"
OURS = (None, "kubernetes.io/job-controller")
"""What `spec.managedBy` says of a job that is ours to run."""
FIRST_BACKOFF, MOST_BACKOFF = 10.0, 600.0
BACKOFF_LIMIT = 6
BURST = 500
"""The most pods started at one go."""


class Verdict(NamedTuple):
    """Why a job is over; `type` is Complete or Failed."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True)
class Pods:
    """A job's pods by what they count as.  One on its way out is terminating, and failed too where it is to be replaced."""

    active: tuple[Object, ...]
    terminating: tuple[Object, ...]
    succeeded: tuple[Object, ...]
    failed: tuple[Object, ...]


def sort_pods(job: Object, pods: Iterable[Object]) -> Pods:
    pods = list(pods)
    alive = [pod for pod in pods if not is_ended(pod)]
    return Pods(
        active=tuple(pod for pod in alive if not is_deleting(pod)),
        terminating=tuple(filter(is_deleting, alive)),
        succeeded=tuple(pod for pod in pods if pod["status"].get("phase") == "Succeeded"),
        failed=tuple(pod for pod in pods if is_failed(job, pod)),
    )


def is_failed(job: Object, pod: Object) -> bool:
    phase = pod["status"].get("phase")
    return phase == "Failed" or (phase != "Succeeded" and is_deleting(pod) and replaces_terminating(job))


def replaces_terminating(job: Object) -> bool:
    """Whether a pod on its way out is replaced at once, or only when it has ended."""
    default = "Failed" if job["spec"].get("podFailurePolicy") else "TerminatingOrFailed"
    return bool((job["spec"].get("podReplacementPolicy") or default) == "TerminatingOrFailed")


def is_tracked(pod: Object) -> bool:
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def without_tracking(pod: Object) -> Object:
    """The pod as it will be seen once it has been let go."""
    meta = pod["metadata"]
    return {
        **pod,
        "metadata": {**meta, "finalizers": [name for name in meta.get("finalizers") or () if name != TRACKING]},
    }


def finished(job: Object) -> str:
    """`Complete` or `Failed` when the job says so, else empty."""
    for item in (job.get("status") or {}).get("conditions") or ():
        if item["type"] in ("Complete", "Failed") and item["status"] == "True":
            return str(item["type"])
    return ""


def uncounted(job: Object) -> dict[str, list[str]]:
    return dict((job.get("status") or {}).get("uncountedTerminatedPods") or {})


def total(job: Object, pods: Pods, outcome: str) -> int:
    """Counted, named, and seen but not yet named; of an indexed job, the indexes that succeeded."""
    if is_indexed(job) and outcome == "succeeded":
        return len(completed_indexes(job, pods))
    named = uncounted(job).get(outcome) or []
    fresh = [pod for pod in outcomes(job, pods, "")[outcome] if pod["metadata"]["uid"] not in named]
    return int((job.get("status") or {}).get(outcome, 0)) + len(named) + len(list(filter(counter(job), fresh)))


def completed_indexes(job: Object, pods: Pods) -> set[int]:
    fresh = {index_of(pod) for pod in pods.succeeded} & set(indexes.wanted(job))
    return indexes.noted(job, "completedIndexes") | fresh


def failed_indexes(job: Object, pods: Pods) -> set[int]:
    return indexes.failed_for_good(job, pods.failed, completed_indexes(job, pods))


def last_failures(job: Object, pods: Pods) -> dict[int, Object]:
    """The failed pod of each index that is still to be followed by another."""
    settled = completed_indexes(job, pods) | failed_indexes(job, pods) | {index_of(pod) for pod in pods.active}
    return indexes.last_failures(job, pods.failed, settled)


# Whether it is over


def verdict(job: Object, pods: Pods, now: datetime) -> Verdict | None:
    """Failure goes before success: a policy first, then the limits, then the deadline."""
    if said := next(filter(None, (by_policy(job, pod) for pod in pods.failed)), None):
        return Verdict("Failed", "PodFailurePolicy", said)
    limit = job["spec"].get("backoffLimit", BACKOFF_LIMIT)
    restarted = restarts(job, pods)
    if total(job, pods, "failed") > limit or (restarted and restarted >= limit):
        return Verdict("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    left = until_deadline(job, now)
    if left is not None and left <= 0:
        return Verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    return by_index(job, pods) or (DONE if is_done(job, pods) else None)


DONE = Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")


def by_index(job: Object, pods: Pods) -> Verdict | None:
    """What the indexes alone decide."""
    if not is_indexed(job):
        return None
    failed, completed, most = (
        failed_indexes(job, pods),
        completed_indexes(job, pods),
        job["spec"].get("maxFailedIndexes"),
    )
    if most is not None and len(failed) > most:
        said = "Job has exceeded the specified maximal number of failed indexes"
        return Verdict("Failed", "MaxFailedIndexesExceeded", said)
    if failed and len(failed) + len(completed) >= job["spec"]["completions"]:
        return Verdict("Failed", "FailedIndexes", "Job has failed indexes")
    if said := indexes.matched_success(job, completed):
        return Verdict("Complete", "SuccessPolicy", said)
    return None


def is_done(job: Object, pods: Pods) -> bool:
    completions = job["spec"].get("completions")
    if completions is None:
        return total(job, pods, "succeeded") > 0 and not pods.active and not pods.terminating
    return total(job, pods, "succeeded") >= int(completions)


def restarts(job: Object, pods: Pods) -> int:
    """With restartPolicy OnFailure the containers' restarts count against the limit."""
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return 0
    return sum(int(status.get("restartCount", 0)) for pod in pods.active for status in containers(pod))


def until_deadline(job: Object, now: datetime) -> float | None:
    started, limit = (job.get("status") or {}).get("startTime"), job["spec"].get("activeDeadlineSeconds")
    if started is None or limit is None or job["spec"].get("suspend"):
        return None
    return float(limit) - (now - times.parse(started)).total_seconds()


def by_policy(job: Object, pod: Object) -> str:
    """What the first matching rule of the failure policy says, if that is FailJob."""
    rule = matching_rule(job, pod)
    return rule[1] if rule is not None and rule[0] == "FailJob" else ""


def counter(job: Object) -> Callable[[Object], bool]:
    """Which of the pods let go raise a count: neither those a policy ignores, nor those of no index of ours."""
    numbers = indexes.wanted(job) if is_indexed(job) else None

    def counts(pod: Object) -> bool:
        ignored = pod["status"].get("phase") == "Failed" and action_of(job, pod) == "Ignore"
        return not ignored and (numbers is None or index_of(pod) in numbers)

    return counts


def outcomes(job: Object, pods: Pods, over: str) -> dict[str, list[Object]]:
    """The pods that can be let go, by what they count as; a failed job's last pods failed, a complete one's count nothing."""
    rest = [pod for pod in (*pods.active, *pods.terminating) if pod not in pods.failed]
    kept = [] if over else [pod["metadata"]["uid"] for pod in last_failures(job, pods).values()]
    failed = [pod for pod in pods.failed if pod["metadata"]["uid"] not in kept]
    return {
        "succeeded": list(filter(is_tracked, pods.succeeded)),
        "failed": [pod for pod in (*failed, *(rest if over == "Failed" else ())) if is_tracked(pod)],
        "": [pod for pod in rest if over == "Complete" and is_tracked(pod)],
    }


# What to start


def missing(job: Object, pods: Pods, resting: Container[int] = ()) -> list[int | None]:
    """The indexes to start (None where pods have none): never more at a time than `parallelism`."""
    spec = job["spec"]
    running = [*pods.active, *(() if replaces_terminating(job) else pods.terminating)]
    parallel, completions = spec.get("parallelism", 1), spec.get("completions")
    succeeded = total(job, pods, "succeeded")
    if completions is None:
        wanted = len(running) if succeeded else parallel
        return [None] * min(BURST, max(0, wanted - len(running)))
    if not is_indexed(job):
        return [None] * min(BURST, max(0, min(parallel, completions - succeeded) - len(running)))
    busy = {index_of(pod) for pod in running} | completed_indexes(job, pods) | failed_indexes(job, pods)
    free = [number for number in range(completions) if number not in busy and number not in resting]
    return list(free[: min(BURST, max(0, parallel - len(running)))])


def starts(job: Object, pods: Pods, now: datetime) -> tuple[list[int | None], float]:
    """What to start now, and seconds after which a failure has been rested for long enough; 0: none rests."""
    if not indexes.limits_each(job):
        rest = backoff(job, pods, now)
        return ([] if rest else missing(job, pods)), rest
    waits = {number: _rest(pod, indexes.attempts(pod), now) for number, pod in last_failures(job, pods).items()}
    resting = {number: wait for number, wait in waits.items() if wait}
    return missing(job, pods, resting), min(resting.values(), default=0.0)


def surplus(job: Object, pods: Pods) -> list[Object]:
    """Active pods beyond `parallelism`, doubles of an index, and those of an index that is wanted no more."""
    seen: set[int] = set()
    needless = []
    if is_indexed(job):
        for pod in pods.active:
            number = index_of(pod)
            if number in seen or number not in indexes.wanted(job):
                needless.append(pod)
            seen.add(number)
    others = [pod for pod in pods.active if pod not in needless]
    others.sort(key=is_ready)
    return needless + others[: max(0, len(others) - job["spec"].get("parallelism", 1))]


def backoff(job: Object, pods: Pods, now: datetime) -> float:
    """Seconds until a failed pod may be followed by the next: ten, doubled with every failure since a success."""
    last_success = max((ended_at(pod) for pod in pods.succeeded), default="")
    failures = sorted((pod for pod in pods.failed if ended_at(pod) > last_success), key=ended_at)
    return _rest(failures[-1], len(failures), now) if failures else 0.0


def _rest(last: Object, failures: int, now: datetime) -> float:
    """Seconds that are left after a failure that was so many in a row."""
    ended = ended_at(last)
    if not ended:
        return 0.0
    wait = min(MOST_BACKOFF, FIRST_BACKOFF * 2 ** min(failures - 1, 10))
    left: float = wait - (now - times.parse(ended)).total_seconds()
    return max(0.0, left)


def new_pod(job: Object, index: int | None, last: Object | None = None) -> Object:
    """A pod of the job; `last` is the failed one of the same index that it follows."""
    pod = pod_from(job, JOB, job["spec"]["template"])
    meta = pod["metadata"]
    meta["finalizers"] = [*(meta.get("finalizers") or ()), TRACKING]
    if index is not None:
        meta["generateName"] = f"{job['metadata']['name']}-{index}-"
        meta["labels"] = {**(meta.get("labels") or {}), INDEX: str(index)}
        counts = indexes.counts_after(job, last)
        meta["annotations"] = {**(meta.get("annotations") or {}), INDEX: str(index), **counts}
        pod["spec"] = _with_index(pod["spec"], f"{job['metadata']['name']}-{index}")
    return pod


def _with_index(spec: Object, hostname: str) -> Object:
    """Every container learns its index by the environment."""
    field = {"fieldRef": {"fieldPath": f"metadata.labels['{INDEX}']"}}
    variable = {"name": "JOB_COMPLETION_INDEX", "valueFrom": field}
    changed = {"hostname": spec.get("hostname") or hostname}
    for part in ("initContainers", "containers"):
        if spec.get(part):
            changed[part] = [{**item, "env": [*(item.get("env") or ()), variable]} for item in spec[part]]
    return {**spec, **changed}
