"""Indexed jobs, the arithmetic: which indexes are through, which have failed for good, who follows whom.  Pure.

How failures of an index are counted: each pod carries how often its index failed before it.  The last failed pod of an
index keeps its finalizer until another has taken the count over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from master.controllers.failures import action_of, ended_at
from master.controllers.objects import Object

INDEX = "batch.kubernetes.io/job-completion-index"
FAILURES = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


def is_indexed(job: Object) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def limits_each(job: Object) -> bool:
    """Whether failures are counted for each index apart."""
    return is_indexed(job) and job["spec"].get("backoffLimitPerIndex") is not None


def wanted(job: Object) -> range:
    return range(job["spec"].get("completions") or 0)


def index_of(pod: Object) -> int:
    """-1 for a pod that has none."""
    meta = pod["metadata"]
    return _integer({**(meta.get("annotations") or {}), **(meta.get("labels") or {})}, INDEX, -1)


def failures_before(pod: Object) -> int:
    return _integer(pod["metadata"].get("annotations") or {}, FAILURES, 0)


def _ignored_before(pod: Object) -> int:
    return _integer(pod["metadata"].get("annotations") or {}, IGNORED, 0)


def _integer(texts: Mapping[str, Any], name: str, default: int) -> int:
    text = str(texts.get(name, ""))
    return int(text) if text.isascii() and text.isdigit() else default


def noted(job: Object, name: str) -> set[int]:
    """The indexes of a field of the status, as far as they are still wanted."""
    return parse_indexes((job.get("status") or {}).get(name) or "") & set(wanted(job))


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


def failed_for_good(job: Object, failed: Iterable[Object], completed: set[int]) -> set[int]:
    if not limits_each(job):
        return set()
    fresh = {index_of(pod) for pod in failed if _is_last_failure(job, pod)} & set(wanted(job))
    return (noted(job, "failedIndexes") | fresh) - completed


def _is_last_failure(job: Object, pod: Object) -> bool:
    action = action_of(job, pod)
    spent = failures_before(pod) >= job["spec"]["backoffLimitPerIndex"]
    return action == "FailIndex" or (action != "Ignore" and spent)


def last_failures(job: Object, failed: Iterable[Object], settled: set[int]) -> dict[int, Object]:
    """The failed pod of each index that another has still to follow."""
    found: dict[int, Object] = {}
    if limits_each(job):
        for pod in failed:
            index = index_of(pod)
            if index in wanted(job) and index not in settled:
                found[index] = max(found.get(index, pod), pod, key=_recency)
    return found


def _recency(pod: Object) -> tuple[int, int, str]:
    return failures_before(pod), _ignored_before(pod), ended_at(pod)


def attempts(pod: Object) -> int:
    """How often an index has failed with this pod, in a row."""
    return failures_before(pod) + _ignored_before(pod) + 1


def counts_after(job: Object, last: Object | None) -> dict[str, str]:
    """The annotations of the pod that follows the failed one."""
    if not limits_each(job):
        return {}
    if last is None:
        return {FAILURES: "0"}
    ignored = action_of(job, last) == "Ignore"
    counts = {FAILURES: str(failures_before(last) + (not ignored))}
    passed = _ignored_before(last) + ignored
    return counts | ({IGNORED: str(passed)} if passed else {})


def matched_success(job: Object, completed: set[int]) -> str:
    """Which rule of the success policy the completed indexes meet; empty when none."""
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or ()):
        meant = completed
        enough = rule.get("succeededCount")
        if rule.get("succeededIndexes"):
            all_of_them = parse_indexes(rule["succeededIndexes"])
            meant = completed & all_of_them
            enough = len(all_of_them) if enough is None else enough
        if enough is not None and len(meant) >= enough:
            return f"Matched rules at index {number}"
    return ""
