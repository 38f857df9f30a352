"""Images by their full names, and what having them is worth."""

import pytest

from kube.images import full_name
from master.scheduler.images import MIB, MOST, read_images, share


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("web", "docker.io/library/web:latest"),
        ("web:1", "docker.io/library/web:1"),
        ("team/web", "docker.io/team/web:latest"),
        ("wherry.local/web:1", "wherry.local/web:1"),
        ("localhost:5000/web", "localhost:5000/web:latest"),
        ("web@sha256:abc", "docker.io/library/web@sha256:abc"),
    ],
)
def test_full_names(image, full):
    assert full_name(image) == full


@pytest.mark.parametrize(
    ("size", "worth"),
    [(10 * MIB, 0.0), (MOST, 1.0), (2 * MOST, 1.0)],
    ids=["small", "large", "enormous"],
)
def test_worth(size, worth):
    present = read_images([{"names": ["web"], "sizeBytes": size}])
    assert share(("docker.io/library/web:latest",), present) == worth


def test_the_node_that_has_the_image_wins(scene):
    scene.node("a")
    scene.node("b", status={"images": [{"names": ["docker.io/library/i:latest"], "sizeBytes": MOST}]})
    scene.node("c")
    assert scene.decide().node == "b"
