"""A cluster of its own for the boards under test, and the board that the labgrid environment describes."""

import os
from pathlib import Path

import pytest

from tests.cluster.clusters import raised, wait_for

VIRTUAL = Path(__file__).parent / "env/netns.yaml"
SETTINGS = "[controllers]\nnode_grace_seconds = 22\n"


def pytest_configure(config):
    """Virtual nodes, when no environment is named by --lg-env or LG_ENV.  Runs before labgrid reads the option."""
    config.option.lg_env = config.option.lg_env or os.environ.get("LG_ENV") or str(VIRTUAL)


@pytest.fixture(scope="session")
def cluster():
    with raised("hw", nodes=1, settings=SETTINGS, options=["--no-sample"]) as made:
        yield made


@pytest.fixture
def board(target, cluster):
    """The environment's board, prepared and switched on, but not yet joined; it is gone from the cluster afterwards."""
    node, strategy = target.get_resource("VirtualNode"), target.get_strategy()
    node.cluster = cluster
    strategy.transition("on")
    yield target
    strategy.transition("absent")
    cluster.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
    cluster.kubectl("delete", "node", node.name, "--ignore-not-found")


@pytest.fixture
def until():
    return wait_for
