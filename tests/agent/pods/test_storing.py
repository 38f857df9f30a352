"""Pods that store more than they may."""

import pytest

from agent.pods.places import Paths
from agent.pods.storing import StorageGuard, Stored, excess, is_limited, taken
from agent.runtime.words import Usage

KIB = 1 << 10


def pod(size=None, limit=None, medium=""):
    container = {"name": "c", "resources": {"limits": {"ephemeral-storage": limit} if limit else {}}}
    empty = {"medium": medium} | ({"sizeLimit": size} if size else {})
    spec = {"containers": [container, {"name": "d"}], "volumes": [{"name": "data", "emptyDir": empty}]}
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": spec}


@pytest.mark.parametrize(
    ("given", "found", "said"),
    [
        pytest.param(pod("1Ki"), Stored({"data": KIB}), "", id="full"),
        pytest.param(
            pod("1Ki"),
            Stored({"data": KIB + 1}),
            'Usage of EmptyDir volume "data" exceeds the limit "1Ki". ',
            id="a volume",
        ),
        pytest.param(
            pod(limit="1Ki"),
            Stored({}, {"c": 2 * KIB}),
            'Container c exceeded its local ephemeral storage limit "1Ki". ',
            id="a container",
        ),
        pytest.param(
            pod(limit="1Ki"),
            Stored({"data": KIB}, {"c": KIB}),
            "Pod ephemeral local storage usage exceeds the total limit of containers 1024. ",
            id="all together",
        ),
        pytest.param(pod("0"), Stored({"data": KIB}), "", id="no limit"),
    ],
)
def test_what_is_too_much(given, found, said):
    assert excess(given, found) == said


@pytest.mark.parametrize(
    ("given", "limited"),
    [(pod(), False), (pod("1Ki"), True), (pod(limit="1Ki"), True), (pod("1Ki", medium="Memory"), False)],
)
def test_who_is_measured(given, limited):
    assert is_limited(given) is limited


async def test_a_pod_beyond_its_limit_is_evicted(runtime, tmp_path):
    paths = Paths(tmp_path / "pods", tmp_path / "logs")
    folder = paths.volume("u", "emptyDir", "data")
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 64 * KIB)
    labels = {"io.kubernetes.pod.uid": "u", "io.kubernetes.container.name": "c"}
    runtime.used = [Usage("id", "c", labels, 1.0, 0.0, 0, 0, 0, disk=1, inodes=1)]
    evicted = []
    guard = StorageGuard(runtime, paths, lambda: [pod(), pod("4Ki")], lambda *told: evicted.append(told))
    await guard.look()
    assert evicted == [("u", 'Usage of EmptyDir volume "data" exceeds the limit "4Ki". ', 1)]
    assert taken(folder) == 64 * KIB
