"""One shared cluster for these tests.  They share it by Kubernetes namespaces (`space`)."""

import pytest

from tests.cluster.clusters import raised, wait_for

FAST_EVICTION = "[controllers]\nnode_grace_seconds = 22\n"
"""A node that is silent is noticed soon, so that its tests need not wait for upstream's 40 s."""


@pytest.fixture(scope="session")
def cluster():
    with raised("wc", settings=FAST_EVICTION) as made:
        yield made


@pytest.fixture
def space(cluster, request):
    """A Kubernetes namespace of the test's own."""
    name = f"t{next(cluster.numbers)}-" + "".join(c if c.isalnum() else "-" for c in request.node.originalname.lower())[
        5:50
    ].strip("-")
    cluster.kubectl("create", "namespace", name)
    wait_for(lambda: "default" in cluster.kubectl("get", "sa", "-n", name), 15, "the default service account")
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def until():
    return wait_for
