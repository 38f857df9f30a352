"""A cluster of its own for what takes minutes: kills, repetition.  Run by `make test-long`, not by `make test`."""

import pytest

from tests.cluster.clusters import raised, wait_for


@pytest.fixture(scope="module")
def cluster():
    with raised("wl", nodes=2, options=["--no-sample"]) as made:
        yield made


@pytest.fixture
def until():
    return wait_for
