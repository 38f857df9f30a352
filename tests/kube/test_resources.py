"""What the name of a resource tells of it."""

import pytest

from kube.resources import is_extended


@pytest.mark.parametrize(
    ("name", "extended"),
    [
        ("cpu", False),
        ("hugepages-2Mi", False),
        ("kubernetes.io/batch", False),
        ("scheduling.kubernetes.io/foo", False),
        ("example.com/gpu", True),
        ("scheduling.k8s.io/foo", True),
        ("requests.example.com/gpu", False),
        ("example.com/", False),
        ("Example.com/gpu", False),
        ("a/b/c", False),
    ],
)
def test_extended_resources_are_known_by_their_names(name, extended):
    assert is_extended(name) is extended
