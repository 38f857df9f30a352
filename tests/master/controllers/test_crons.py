"""CronJobs: what is due, what stands in its way, what is history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from master.controllers import crons

NOW = datetime(2026, 1, 1, 1, 0, 30, tzinfo=UTC)
ACTIVE = [{"name": "c-1", "namespace": "ns", "uid": "u1"}]


def cron(status: dict | None = None, created: str = "2026-01-01T00:59:30Z", **spec) -> dict:
    meta = {"name": "c", "namespace": "ns", "uid": "c", "creationTimestamp": created}
    body = {"schedule": "* * * * *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": {"x": 1}}, **spec}
    return {"metadata": meta, "spec": body, "status": status or {}}


def job(name: str, outcome: str = "", ended: str = "2026-01-01T01:00:00Z") -> dict:
    status = {"conditions": [{"type": outcome, "status": "True"}], "completionTime": ended} if outcome else {}
    meta = {"name": name, "namespace": "ns", "uid": f"u-{name}", "resourceVersion": "1"}
    return {"metadata": meta, "status": {**status, "startTime": ended}}


@pytest.mark.parametrize(
    ("subject", "start"),
    [
        (cron(), "01:00"),
        (cron(created="2026-01-01T01:00:10Z"), None),
        (cron({"lastScheduleTime": "2026-01-01T01:00:00Z"}), None),
        (cron({"lastScheduleTime": "2026-01-01T00:50:00Z"}), "01:00"),
        (cron({"active": [{"name": f"c-{int(NOW.timestamp()) // 60}", "uid": "u"}]}), None),
        (cron({"active": ACTIVE}), "01:00"),
        (cron({"active": ACTIVE}, concurrencyPolicy="Forbid"), None),
        (cron({"active": ACTIVE}, concurrencyPolicy="Replace"), "01:00"),
        (cron(startingDeadlineSeconds=10), None),
        (cron(startingDeadlineSeconds=60), "01:00"),
        (cron(schedule="0 3 * * *", timeZone="Europe/Berlin"), None),
        (cron(schedule="@every 20s"), "01:00"),
    ],
)
def test_what_is_due(subject, start):
    turn = crons.plan(subject, NOW)
    assert (turn.start.strftime("%H:%M") if turn.start else None) == start
    assert 0 < turn.wait <= 86400


def test_a_zone_moves_the_hour():
    turn = crons.plan(cron(schedule="0 2 * * *", timeZone="Europe/Berlin"), NOW)
    assert turn.start == datetime(2026, 1, 1, 1, tzinfo=UTC)
    made = crons.new_job(cron(timeZone="Europe/Berlin"), turn.start)
    assert made["metadata"]["annotations"][crons.SCHEDULED] == "2026-01-01T02:00:00+01:00"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"schedule": "x"}, "UnparseableSchedule"),
        ({"timeZone": "No/Where"}, "UnknownTimeZone"),
        ({"timeZone": "../../etc"}, "UnknownTimeZone"),
        ({"schedule": "0 0 31 2 *"}, "InvalidSchedule"),
    ],
)
def test_what_cannot_run_says_so(parts, reason):
    with pytest.raises(crons.Unusable) as caught:
        crons.plan(cron(**parts), NOW)
    assert caught.value.said.reason == reason


def test_why_a_run_waits_is_told():
    assert [said.reason for said in crons.plan(cron({"active": ACTIVE}, concurrencyPolicy="Forbid"), NOW).said] == [
        "JobAlreadyActive"
    ]
    long_ago = crons.plan(cron(created="2025-06-01T00:00:00Z"), NOW)
    assert [said.reason for said in long_ago.said] == ["TooManyMissedTimes"]
    assert long_ago.start is not None


def test_a_runs_job():
    made = crons.new_job(cron(), datetime(2026, 1, 1, 1, tzinfo=UTC))
    assert made["metadata"]["name"] == "c-29453820"
    assert made["metadata"]["annotations"] == {crons.SCHEDULED: "2026-01-01T01:00:00Z"}
    assert made["metadata"]["ownerReferences"][0]["controller"]


def test_finished_jobs_are_active_no_more():
    before = {"active": [crons.reference(job("a")), crons.reference(job("b"))]}
    after, said = crons.settle(before, [job("a", "Complete"), job("b"), job("z", "Complete", "2026-01-01T00:00:00Z")])
    assert [item["name"] for item in after["active"]] == ["b"]
    assert after["lastSuccessfulTime"] == "2026-01-01T01:00:00Z"
    assert [item.message for item in said] == ["Saw completed job: a, condition: Complete"]


def test_history_has_its_limits():
    jobs = [job(f"s{n}", "Complete", f"2026-01-01T0{n}:00:00Z") for n in range(4)]
    jobs += [job(f"f{n}", "Failed") for n in range(2)] + [job("r")]
    subject = cron(successfulJobsHistoryLimit=3, failedJobsHistoryLimit=0)
    assert [item["metadata"]["name"] for item in crons.expired(subject, jobs)] == ["s0", "f0", "f1"]
    assert crons.expired(cron(), jobs) == []
