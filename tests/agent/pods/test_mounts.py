"""Where in its volume a container's mount begins."""

import pytest

from agent.pods.environment import ConfigError
from agent.pods.places import Paths
from agent.pods.volumes.mounts import container_mounts

POD = {"metadata": {"uid": "u"}, "spec": {}}


def mounts(mount, tmp_path, **known):
    container = {"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]}
    volumes = {"v": {"name": "v", "hostPath": {"path": str(tmp_path)}}}
    paths = Paths(pods=tmp_path / "pods", logs=tmp_path / "logs")
    return container_mounts(POD, container, 0, paths, volumes, known)


def test_a_mount_without_a_subpath_is_the_volume(tmp_path):
    assert mounts({}, tmp_path)[0].host_path == str(tmp_path)


@pytest.mark.parametrize(
    ("mount", "known", "said"),
    [
        ({"subPathExpr": "$(A)"}, {}, "missing value for A"),
        ({"subPathExpr": "$(A)/$(B)"}, {"A": "", "B": "b"}, "missing value for A"),
        ({"subPathExpr": "$(A)"}, {"A": "/tmp"}, "must not be an absolute path"),
        ({"subPathExpr": "$(A)"}, {"A": ".."}, "must not contain '..'"),
        ({"subPath": "../b"}, {}, "must not contain '..'"),
    ],
)
def test_a_subpath_that_leads_nowhere_is_a_configuration_error(mount, known, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        mounts(mount, tmp_path, **known)
