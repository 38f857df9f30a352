"""Jobs, the arithmetic: what has succeeded and failed, whether the job is over and why, how many pods to start.

Pure.  How counting stays right: every pod of a job carries a finalizer, so none vanishes uncounted.  An ended pod is first
named in `status.uncountedTerminatedPods`, then let go, then counted; a crash in between repeats a step and counts nothing
twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kube import times
from master.controllers.failures import containers, matching_rule
from master.controllers.objects import Object, is_deleting, is_ended, is_ready, kind
from master.controllers.podmaking import pod_from

JOB = kind("batch/v1", "Job")
TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"
CONTROLLER_UID, JOB_NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
FIRST_BACKOFF, MOST_BACKOFF = 10.0, 600.0
BACKOFF_LIMIT = 6


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


def is_indexed(job: Object) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def index_of(pod: Object) -> int:
    meta = pod["metadata"]
    text = {**(meta.get("annotations") or {}), **(meta.get("labels") or {})}.get(INDEX, "-1")
    return int(text) if text.isdigit() else -1


def finished(job: Object) -> str:
    """`Complete` or `Failed` when the job says so, else empty."""
    for item in (job.get("status") or {}).get("conditions") or ():
        if item["type"] in ("Complete", "Failed") and item["status"] == "True":
            return str(item["type"])
    return ""


def uncounted(job: Object) -> dict[str, list[str]]:
    return dict((job.get("status") or {}).get("uncountedTerminatedPods") or {})


def total(job: Object, pods: Pods, outcome: str) -> int:
    """Counted, named, and seen but not yet named."""
    named = uncounted(job).get(outcome) or []
    ended = pods.succeeded if outcome == "succeeded" else pods.failed
    fresh = [pod for pod in ended if is_tracked(pod) and pod["metadata"]["uid"] not in named and not ignored(job, pod)]
    return int((job.get("status") or {}).get(outcome, 0)) + len(named) + len(fresh)


def completed_indexes(job: Object, pods: Pods) -> set[int]:
    done = parse_indexes((job.get("status") or {}).get("completedIndexes", ""))
    wanted = range(job["spec"].get("completions") or 0)
    return {number for number in done | {index_of(pod) for pod in pods.succeeded} if number in wanted}


def parse_indexes(text: str) -> set[int]:
    """`0-2,5` → {0, 1, 2, 5}."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def index_text(numbers: Iterable[int]) -> str:
    """{0, 1, 2, 5} → `0-2,5`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


# Whether it is over


def verdict(job: Object, pods: Pods, now: datetime) -> Verdict | None:
    """Failure goes before success: a policy first, then the back-off limit, then the deadline."""
    if said := next(filter(None, (by_policy(job, pod) for pod in pods.failed)), None):
        return Verdict("Failed", "PodFailurePolicy", said)
    limit = job["spec"].get("backoffLimit", BACKOFF_LIMIT)
    if total(job, pods, "failed") > limit or restarts(job, pods) > limit:
        return Verdict("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    left = until_deadline(job, now)
    if left is not None and left <= 0:
        return Verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    if is_done(job, pods):
        return Verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def is_done(job: Object, pods: Pods) -> bool:
    completions = job["spec"].get("completions")
    if completions is None:
        return total(job, pods, "succeeded") > 0 and not pods.active and not pods.terminating
    if is_indexed(job):
        return len(completed_indexes(job, pods)) >= int(completions)
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


def ignored(job: Object, pod: Object) -> bool:
    rule = matching_rule(job, pod) if is_ended(pod) and pod["status"]["phase"] == "Failed" else None
    return rule is not None and rule[0] == "Ignore"


def outcomes(job: Object, pods: Pods, over: str) -> dict[str, list[Object]]:
    """The pods that can be let go, by what they count as; a failed job's last pods failed, a complete one's count nothing."""
    rest = [pod for pod in (*pods.active, *pods.terminating) if pod not in pods.failed]
    return {
        "succeeded": list(filter(is_tracked, pods.succeeded)),
        "failed": [pod for pod in (*pods.failed, *(rest if over == "Failed" else ())) if is_tracked(pod)],
        "": [pod for pod in rest if over == "Complete" and is_tracked(pod)],
    }


# What to start


def missing(job: Object, pods: Pods) -> list[int | None]:
    """The indexes to start (None where pods have none): never more at a time than `parallelism`."""
    spec = job["spec"]
    running = [*pods.active, *(() if replaces_terminating(job) else pods.terminating)]
    parallel, completions = spec.get("parallelism", 1), spec.get("completions")
    succeeded = total(job, pods, "succeeded")
    if completions is None:
        wanted = len(running) if succeeded else parallel
        return [None] * max(0, wanted - len(running))
    if not is_indexed(job):
        return [None] * max(0, min(parallel, completions - succeeded) - len(running))
    busy = {index_of(pod) for pod in running} | completed_indexes(job, pods)
    free = [number for number in range(completions) if number not in busy]
    return list(free[: max(0, parallel - len(running))])


def surplus(job: Object, pods: Pods) -> list[Object]:
    """Active pods beyond `parallelism`, and doubles of an index."""
    seen: set[int] = set()
    doubles = []
    for pod in pods.active:
        if is_indexed(job):
            (doubles.append(pod) if index_of(pod) in seen else seen.add(index_of(pod)))
    others = [pod for pod in pods.active if pod not in doubles]
    others.sort(key=is_ready)
    return doubles + others[: max(0, len(others) - job["spec"].get("parallelism", 1))]


def backoff(job: Object, pods: Pods, now: datetime) -> float:
    """Seconds until a failed pod may be followed by the next: ten, doubled with every failure since a success."""
    ends = sorted(_ended_at(pod) for pod in pods.failed)
    last_success = max((_ended_at(pod) for pod in pods.succeeded), default="")
    failures = [end for end in ends if end > last_success]
    if not failures or not failures[-1]:
        return 0.0
    wait = min(MOST_BACKOFF, FIRST_BACKOFF * 2 ** min(len(failures) - 1, 10))
    left: float = wait - (now - times.parse(failures[-1])).total_seconds()
    return max(0.0, left)


def _ended_at(pod: Object) -> str:
    ends = [((status.get("state") or {}).get("terminated") or {}).get("finishedAt", "") for status in containers(pod)]
    return max(ends, default="") or ""


def new_pod(job: Object, index: int | None) -> Object:
    pod = pod_from(job, JOB, job["spec"]["template"])
    meta = pod["metadata"]
    meta["finalizers"] = [*(meta.get("finalizers") or ()), TRACKING]
    if index is not None:
        meta["generateName"] = f"{job['metadata']['name']}-{index}-"
        meta["labels"] = {**(meta.get("labels") or {}), INDEX: str(index)}
        meta["annotations"] = {**(meta.get("annotations") or {}), INDEX: str(index)}
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
