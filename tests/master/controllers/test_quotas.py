"""Which objects a quota's resources are about, and what they come to."""

import pytest

from kube.kinds import known
from master.controllers.quotas import counted, used


@pytest.mark.parametrize(
    "name, kind",
    [
        ("count/deployments.apps", "deployments.apps"),
        ("configmaps", "configmaps"),
        ("services.nodeports", "services"),
        ("requests.storage", "persistentvolumeclaims"),
        ("fast.storageclass.storage.k8s.io/persistentvolumeclaims", "persistentvolumeclaims"),
        ("requests.cpu", "pods"),
        ("limits.memory", "pods"),
        ("requests.example.com/gpu", "pods"),
    ],
)
def test_kinds(name, kind):
    assert counted(name) == kind


def test_what_is_bounded_is_told_even_when_there_is_none(pod):
    quota = {"spec": {"hard": {"pods": "3", "services": "1"}}}
    found = [(known("v1", "Pod"), pod("a")), (known("v1", "Pod"), pod("b", phase="Failed"))]
    assert {name: str(amount) for name, amount in used(quota, found).items()} == {"pods": "1", "services": "0"}
