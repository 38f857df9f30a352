"""Jobs: what counts, what is started, when it is over."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from master.controllers import indexes, jobs

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)


def job(status: dict | None = None, restart: str = "Never", **spec) -> dict:
    body = {"parallelism": 2, "completions": 3, "template": {"spec": {"restartPolicy": restart}}, **spec}
    return {"metadata": {"name": "j", "namespace": "ns", "uid": "u"}, "spec": body, "status": status or {}}


def member(name: str, phase: str = "Running", index: int | None = None, code: int = 1, before: int = 0, **meta) -> dict:
    labels = {jobs.INDEX: str(index)} if index is not None else {}
    metadata = {"name": name, "namespace": "ns", "uid": name, "labels": labels, "finalizers": [jobs.TRACKING], **meta}
    metadata["annotations"] = {indexes.FAILURES: str(before)}
    ended = {"terminated": {"exitCode": code, "finishedAt": "2026-01-01T00:59:55Z"}} if phase == "Failed" else {}
    status = {"phase": phase, "containerStatuses": [{"name": "c", "state": ended, "restartCount": 0}]}
    return {"metadata": metadata, "spec": {}, "status": status}


LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("subject", "members", "expected"),
    [
        (job(), [], [None, None]),
        (job(), [member("a")], [None]),
        (job({"succeeded": 2}), [], [None]),
        (job({"succeeded": 3}), [], []),
        (job(completions=None), [], [None, None]),
        (job({"succeeded": 1}, completions=None), [member("a")], []),
        (job(completionMode="Indexed"), [], [0, 1]),
        (job({"completedIndexes": "0"}, completionMode="Indexed"), [member("a", index=1)], [2]),
        (job(), [member("a", **LEAVING)], [None, None]),
        (job(podReplacementPolicy="Failed"), [member("a", **LEAVING)], [None]),
    ],
    ids=["start", "one-runs", "last", "enough", "queue", "queue-drains", "indexes", "next-index", "replaced", "waits"],
)
def test_what_is_started(subject, members, expected):
    assert jobs.missing(subject, jobs.sort_pods(subject, members)) == expected


@pytest.mark.parametrize(
    ("subject", "members", "reason"),
    [
        (job(), [member("a")], ""),
        (job({"succeeded": 2}), [member("a", "Succeeded")], "CompletionsReached"),
        (job({"failed": 6}), [member("a", "Failed")], "BackoffLimitExceeded"),
        (job(backoffLimit=0), [member("a", "Failed")], "BackoffLimitExceeded"),
        (job({"startTime": "2026-01-01T00:59:00Z"}, activeDeadlineSeconds=60), [], "DeadlineExceeded"),
        (job({"startTime": "2026-01-01T00:59:00Z"}, activeDeadlineSeconds=61), [], ""),
        (job(completions=None), [member("a", "Succeeded"), member("b")], ""),
        (job(completions=None), [member("a", "Succeeded")], "CompletionsReached"),
        (
            job({"completedIndexes": "0-1"}, completionMode="Indexed"),
            [member("a", "Succeeded", 2)],
            "CompletionsReached",
        ),
    ],
)
def test_when_it_is_over(subject, members, reason):
    found = jobs.verdict(subject, jobs.sort_pods(subject, members), NOW)
    assert (found.reason if found else "") == reason


def policy(action: str, **rule) -> dict:
    return {"podFailurePolicy": {"rules": [{"action": action, **rule}]}}


ON_42 = {"onExitCodes": {"operator": "In", "values": [42]}}


@pytest.mark.parametrize(
    ("rules", "code", "failed", "counted"),
    [
        (policy("FailJob", **ON_42), 42, True, 1),
        (policy("FailJob", **ON_42), 1, False, 1),
        (policy("Ignore", **ON_42), 42, False, 0),
        (policy("FailJob", onExitCodes={"operator": "NotIn", "values": [42]}), 1, True, 1),
        (policy("FailJob", onExitCodes={"containerName": "other", "operator": "In", "values": [42]}), 42, False, 1),
    ],
    ids=["fails", "other-code", "ignored", "not-in", "other-container"],
)
def test_a_failure_policy(rules, code, failed, counted):
    subject = job(**rules)
    pods = jobs.sort_pods(subject, [member("a", "Failed", code=code)])
    assert (jobs.verdict(subject, pods, NOW) is not None) is failed
    assert jobs.total(subject, pods, "failed") == counted


def test_nothing_is_counted_twice():
    named = job({"succeeded": 1, "uncountedTerminatedPods": {"succeeded": ["a"]}})
    pods = jobs.sort_pods(named, [member("a", "Succeeded"), member("b", "Succeeded")])
    assert jobs.total(named, pods, "succeeded") == 3
    let_go = jobs.sort_pods(named, [jobs.without_tracking(member("a", "Succeeded"))])
    assert jobs.total(named, let_go, "succeeded") == 2


def test_a_failure_is_followed_after_a_while():
    subject = job()
    assert jobs.backoff(subject, jobs.sort_pods(subject, [member("a", "Failed")]), NOW) == 5
    both = [member("a", "Failed"), member("b", "Failed")]
    assert jobs.backoff(subject, jobs.sort_pods(subject, both), NOW) == 15
    assert jobs.backoff(subject, jobs.sort_pods(subject, []), NOW) == 0


def test_an_indexed_pod_knows_its_index():
    made = jobs.new_pod(job(completionMode="Indexed"), 2)
    assert made["metadata"]["generateName"] == "j-2-"
    assert made["metadata"]["labels"][jobs.INDEX] == made["metadata"]["annotations"][jobs.INDEX] == "2"
    assert made["metadata"]["finalizers"] == [jobs.TRACKING]
    assert made["spec"]["hostname"] == "j-2"


EACH = {"completionMode": "Indexed", "backoffLimitPerIndex": 1, "backoffLimit": 2147483647}


@pytest.mark.parametrize(
    ("subject", "members", "failed", "reason"),
    [
        (job(**EACH), [member("a", "Failed", 0)], set(), ""),
        (job(**EACH), [member("a", "Failed", 0, before=1)], {0}, ""),
        (job({"failedIndexes": "0-1"}, **EACH), [member("a", "Succeeded", 2)], {0, 1}, "FailedIndexes"),
        (job({"failedIndexes": "0-1"}, **EACH, maxFailedIndexes=1), [], {0, 1}, "MaxFailedIndexesExceeded"),
        (job(**EACH, **policy("FailIndex", **ON_42)), [member("a", "Failed", 1, 42)], {1}, ""),
        (job(**EACH, **policy("Ignore", **ON_42)), [member("a", "Failed", 1, 42, before=1)], set(), ""),
    ],
    ids=["may-try-again", "spent", "all-settled", "too-many", "policy", "ignored"],
)
def test_indexes_that_fail(subject, members, failed, reason):
    pods = jobs.sort_pods(subject, members)
    assert jobs.failed_indexes(subject, pods) == failed
    found = jobs.verdict(subject, pods, NOW)
    assert (found.reason if found else "") == reason
    assert not failed & set(jobs.missing(subject, pods))


def test_the_last_failure_of_an_index_is_kept_until_it_is_followed():
    subject = job(**EACH, **policy("Ignore", **ON_42))
    failed = member("a", "Failed", 1, code=42, before=1)
    alone = jobs.sort_pods(subject, [failed])
    assert jobs.last_failures(subject, alone) == {1: failed}
    assert jobs.outcomes(subject, alone, "")["failed"] == []
    follower = jobs.new_pod(subject, 1, failed)
    assert follower["metadata"]["annotations"] == {indexes.INDEX: "1", indexes.FAILURES: "1", indexes.IGNORED: "1"}
    followed = jobs.sort_pods(subject, [failed, member("b", index=1, before=1)])
    assert jobs.outcomes(subject, followed, "")["failed"] == [failed]


def test_indexes_rest_apart():
    subject = job(**EACH, completions=4, parallelism=2)
    pods = jobs.sort_pods(subject, [member("a", "Failed", 0)])
    assert jobs.starts(subject, pods, NOW) == ([1, 2], 5)


@pytest.mark.parametrize(
    ("rule", "done", "met"),
    [
        ({"succeededIndexes": "0,2"}, "0-1", False),
        ({"succeededIndexes": "0,2"}, "0,2", True),
        ({"succeededCount": 2}, "1", False),
        ({"succeededCount": 1}, "1", True),
        ({"succeededIndexes": "0,2", "succeededCount": 1}, "1", False),
        ({"succeededIndexes": "0,2", "succeededCount": 1}, "2", True),
    ],
)
def test_a_success_policy(rule, done, met):
    subject = job({"completedIndexes": done}, completionMode="Indexed", successPolicy={"rules": [rule]})
    found = jobs.verdict(subject, jobs.sort_pods(subject, []), NOW)
    assert found == (("Complete", "SuccessPolicy", "Matched rules at index 0") if met else None)


def test_fewer_completions_forget_what_lies_beyond():
    subject = job({"completedIndexes": "0,2"}, completionMode="Indexed", completions=2, parallelism=2)
    pods = jobs.sort_pods(subject, [member("a", index=1), member("b", index=2)])
    assert jobs.completed_indexes(subject, pods) == {0}
    assert [pod["metadata"]["name"] for pod in jobs.surplus(subject, pods)] == ["b"]


@given(st.sets(st.integers(0, 60)))
def test_indexes_as_text_and_back(numbers):
    assert indexes.parse_indexes(indexes.index_text(numbers)) == numbers
