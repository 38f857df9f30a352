"""What a pod asks for: containers, init containers, sidecars, overhead."""

import pytest

from master.scheduler.requests import SCORED_DEFAULTS, held, pod_requests


def asks(cpu: str = "", memory: str = "", **parts: str) -> dict:
    requests = {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"resources": {"requests": requests}, **parts}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [asks()]}, {}),
        ({"containers": [asks("100m", "1Gi"), asks("1")]}, {"cpu": 1100, "memory": 2**30}),
        ({"containers": [asks("1")], "initContainers": [asks("2"), asks("500m")]}, {"cpu": 2000}),
        ({"containers": [asks("1")], "initContainers": [asks("200m", restartPolicy="Always")]}, {"cpu": 1200}),
        (
            {"containers": [asks("1")], "initContainers": [asks("200m", restartPolicy="Always"), asks("1500m")]},
            {"cpu": 1700},
        ),
        (
            {"containers": [asks("1")], "initContainers": [asks("1500m"), asks("200m", restartPolicy="Always")]},
            {"cpu": 1500},
        ),
        ({"containers": [asks("1")], "overhead": {"cpu": "250m"}}, {"cpu": 1250}),
        ({"containers": [asks("1", "1Gi")], "resources": {"requests": {"cpu": "3"}}}, {"cpu": 3000, "memory": 2**30}),
        ({"containers": [{"resources": {"requests": {"example.com/gpu": "2"}}}]}, {"example.com/gpu": 2}),
    ],
    ids=["none", "sum", "init-peak", "sidecar", "init-after-sidecar", "init-before-sidecar", "overhead", "pod", "gpu"],
)
def test_pod_requests(spec, expected):
    assert pod_requests(spec) == expected


def test_a_container_without_requests_weighs_its_default_in_scores():
    assert pod_requests({"containers": [asks(), asks("1")]}, SCORED_DEFAULTS) == {
        "cpu": 1100,
        "memory": 400 * 1024 * 1024,
    }


@pytest.mark.parametrize(
    ("asked", "allocated", "present", "counts"),
    [
        ("1", "1", "1", 1000),
        ("500m", "1", "1", 1000),
        ("2", "1", "1", 2000),
        ("1", "1", "2", 2000),
        ("1", "", "", 1000),
    ],
    ids=["at rest", "shrinking", "growing", "shrinking in force later", "not told"],
)
def test_a_resize_under_way_counts_as_the_most_of_what_is_asked_allocated_and_in_force(
    asked, allocated, present, counts
):
    spec = {"containers": [{"name": "c", **asks(asked)}]}
    row = {"allocatedResources": {"cpu": allocated}, "resources": {"requests": {"cpu": present}}} if allocated else {}
    status = {"containerStatuses": [{"name": "c", **row}]}
    assert pod_requests(spec, holds=held(spec, status)) == {"cpu": counts}
