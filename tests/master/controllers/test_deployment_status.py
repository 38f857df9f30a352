"""What a Deployment says of itself while it rolls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from master.controllers.deployment_status import progressing, put_condition, status

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def condition(result: dict, type_: str) -> tuple[str, str]:
    found = next(item for item in result["conditions"] if item["type"] == type_)
    return found["status"], found["reason"]


def test_counts_over_old_and_new(deployment, replica_set):
    new, old = replica_set("new", 2, 1, age="1"), replica_set("old", 2)
    result, _ = status(deployment(3), new, [old, new], 0, NOW)
    counts = {name: value for name, value in result.items() if name != "conditions"}
    assert counts == {
        "observedGeneration": 1,
        "replicas": 4,
        "updatedReplicas": 2,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "unavailableReplicas": 1,
        "terminatingReplicas": 0,
    }


@pytest.mark.parametrize(("available", "expected"), [(3, "True"), (2, "False")])
def test_available_by_the_bounds(deployment, replica_set, available, expected):
    new = replica_set("new", 3, available)
    assert condition(status(deployment(3), new, [new], 0, NOW)[0], "Available")[0] == expected


def test_progress_then_success(deployment, replica_set):
    live, new = deployment(2), replica_set("new", 2, 0)
    said = progressing("True", "NewReplicaSetCreated", 'Created new replica set "new"')
    live["status"] = {"conditions": put_condition([], said, NOW)}
    live["status"], again = status(live, new, [new], 0, NOW)
    assert condition(live["status"], "Progressing") == ("True", "ReplicaSetUpdated")
    assert again == 601
    new = replica_set("new", 2, 2)
    live["status"], again = status(live, new, [new], 0, NOW)
    assert condition(live["status"], "Progressing") == ("True", "NewReplicaSetAvailable")
    assert again is None


def test_no_progress_until_the_deadline_is_a_failure(deployment, replica_set):
    live, new = deployment(1, progressDeadlineSeconds=4), replica_set("new", 1, 0)
    live["status"], _ = status(live, new, [new], 0, NOW)
    assert condition(live["status"], "Progressing") == ("True", "ReplicaSetUpdated")
    same, again = status(live, new, [new], 0, NOW + timedelta(seconds=3))
    assert (same["conditions"], again) == (live["status"]["conditions"], 2)
    late, again = status(live, new, [new], 0, NOW + timedelta(seconds=5))
    assert condition(late, "Progressing") == ("False", "ProgressDeadlineExceeded")
    assert again is None


def test_done_stays_done_when_a_pod_fails_later(deployment, replica_set):
    live, new = deployment(1), replica_set("new", 1)
    live["status"], _ = status(live, new, [new], 0, NOW)
    new = replica_set("new", 1, 0)
    result, _ = status(live, new, [new], 0, NOW + timedelta(hours=1))
    assert condition(result, "Progressing") == ("True", "NewReplicaSetAvailable")
    assert condition(result, "Available") == ("False", "MinimumReplicasUnavailable")


def test_without_a_deadline_nothing_is_said_about_progress(deployment, replica_set):
    new = replica_set("new", 1)
    result, _ = status(deployment(1, progressDeadlineSeconds=2**31 - 1), new, [new], 0, NOW)
    assert [item["type"] for item in result["conditions"]] == ["Available"]


def test_what_keeps_pods_from_being_made_is_shown(deployment, replica_set):
    new = replica_set("new", 1, 0)
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}
    new["status"]["conditions"] = [failed]
    assert condition(status(deployment(1), new, [new], 0, NOW)[0], "ReplicaFailure") == ("True", "FailedCreate")
