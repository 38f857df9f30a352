"""PodLogOptions: which queries of a pod's log are refused, and in which words."""

import pytest

from kube.errors import ApiError
from master.api.log_options import check


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"tailLines": "0"},
        {"limitBytes": "1", "sinceSeconds": "1"},
        {"sinceTime": "2026-01-01T00:00:00Z", "follow": "1"},
    ],
)
def test_taken(query):
    check("web", query)


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal to 0"),
        ({"limitBytes": "0"}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"sinceSeconds": "0"}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"sinceSeconds": "5", "sinceTime": "2026-01-01T00:00:00Z"}, 422, "sinceTime: Forbidden: at most one of"),
        ({"tailLines": "many"}, 400, 'strconv.ParseInt: parsing "many": invalid syntax'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refused(query, status, message):
    with pytest.raises(ApiError) as refused:
        check("web", query)
    assert refused.value.status == status and message in refused.value.message
