"""Whose pod it is: taken in, kept, let go."""

from __future__ import annotations

import pytest

from kube import selectors
from master.controllers.claiming import by_labels, claims

MATCHES = by_labels(selectors.from_labels({"app": "x"}))
OWNER = {"metadata": {"name": "o", "namespace": "ns", "uid": "o"}}
LEAVING = {"metadata": {**OWNER["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
OTHER = {"labels": {"app": "y"}}


@pytest.mark.parametrize(
    ("owner", "owned", "orphan", "expected"),
    [
        (OWNER, {}, {}, ("kept", "adopt")),
        (OWNER, OTHER, OTHER, ("release",)),
        (OWNER, {}, {"phase": "Failed"}, ("kept",)),
        (OWNER, {}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}, ("kept",)),
        (LEAVING, OTHER, {}, ("kept",)),
    ],
    ids=["both-match", "none-matches", "ended-orphan", "leaving-orphan", "leaving-owner"],
)
def test_claims(pod, owner, owned, orphan, expected):
    found = claims(owner, MATCHES, [pod("mine", **owned)], [pod("orphan", **orphan)])
    assert tuple(name for name, pods in found._asdict().items() if pods) == expected
