"""Files of volumes, and how they change under a reader."""

import base64
import os
from pathlib import Path

import pytest

from agent.pods.environment import Surroundings
from agent.pods.places import Paths
from agent.pods.references import references
from agent.pods.volumes.mounting import Unsupported, check_host_path, host_folder, make_volume, mounts_below
from agent.pods.volumes.payloads import File, Missing, TokenAsked, payload, tokens_asked
from agent.pods.volumes.publishing import publish

POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"a": "1"}}, "spec": {"containers": []}}
AROUND = Surroundings(
    objects={
        ("ConfigMap", "settings"): {
            "data": {"a": "1", "b": "2"},
            "binaryData": {"c": base64.b64encode(b"\0").decode()},
        },
        ("Secret", "hidden"): {"data": {"key": base64.b64encode(b"secret").decode()}},
    }
)


def files(volume, tokens=None):
    return payload(volume, POD, AROUND, tokens or {})


def test_a_config_map_whole():
    assert files({"configMap": {"name": "settings"}}) == {"a": File(b"1"), "b": File(b"2"), "c": File(b"\0")}


def test_chosen_keys_with_modes():
    items = [{"key": "a", "path": "x/y", "mode": 0o600}]
    assert files({"configMap": {"name": "settings", "items": items}}) == {"x/y": File(b"1", 0o600)}


def test_a_secret_with_its_mode():
    assert files({"secret": {"secretName": "hidden", "defaultMode": 0o400}}) == {"key": File(b"secret", 0o400)}


def test_projected_from_every_source():
    sources = [
        {"serviceAccountToken": {"path": "token", "audience": "me", "expirationSeconds": 600}},
        {"configMap": {"name": "settings", "items": [{"key": "a", "path": "ca"}]}},
        {"secret": {"name": "hidden"}},
        {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
    ]
    volume = {"projected": {"sources": sources}}
    asked = TokenAsked("me", 600)
    assert tokens_asked(volume) == [asked]
    found = files(volume, {asked: "abc"})
    assert {name: file.content for name, file in found.items()} == {
        "token": b"abc",
        "ca": b"1",
        "key": b"secret",
        "labels": b'a="1"',
    }


@pytest.mark.parametrize(
    ("outer", "own", "mode", "owner"),
    [
        ({}, {}, 0o644, None),
        ({"runAsUser": 1000}, {}, 0o600, 1000),
        ({"runAsUser": 1000}, {"runAsUser": 1}, 0o644, None),
        ({"fsGroup": 5}, {}, 0o600, None),
    ],
)
def test_a_token_is_for_the_pod_s_own_user(outer, own, mode, owner):
    volume = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    pod = {"spec": {"securityContext": outer, "containers": [{"securityContext": own}, {}]}}
    found = payload(volume, pod, AROUND, {TokenAsked("", 3600): "abc"})
    assert found["token"] == File(b"abc", mode, owner)


@pytest.mark.parametrize(
    ("volume", "complaint"),
    [
        ({"configMap": {"name": "none"}}, 'configmap "none" not found'),
        ({"secret": {"secretName": "none"}}, 'secret "none" not found'),
        ({"configMap": {"name": "settings", "items": [{"key": "z", "path": "z"}]}}, "non-existent config key: z"),
    ],
)
def test_what_is_missing_is_named(volume, complaint):
    with pytest.raises(Missing, match=complaint):
        files(volume)


def test_optional_may_be_missing():
    assert files({"configMap": {"name": "none", "optional": True}}) == {}


def test_publishing_swaps_all_at_once(tmp_path):
    assert publish(tmp_path, {"a": File(b"1"), "d/b": File(b"2", 0o600)})
    first = (tmp_path / "..data").resolve()
    assert (tmp_path / "a").is_symlink() and (tmp_path / "d/b").read_bytes() == b"2"
    assert (first / "d/b").stat().st_mode & 0o777 == 0o600
    assert publish(tmp_path, {"a": File(b"3")})
    assert (tmp_path / "a").read_bytes() == b"3"
    assert sorted(p.name for p in tmp_path.iterdir() if not p.name.startswith("..")) == ["a"]
    assert not first.exists()


@pytest.mark.parametrize("group", [None, os.getgid()], ids=["nobody's", "a group's"])
def test_publishing_the_same_changes_nothing(tmp_path, group):
    content = {"a": File(b"1", 0o400)}
    publish(tmp_path, content, group)
    before = (tmp_path / "..data").readlink()
    assert (tmp_path / "a").stat().st_mode & 0o777 == (0o400 if group is None else 0o440)
    assert not publish(tmp_path, content, group)
    assert (tmp_path / "..data").readlink() == before


def test_nothing_is_published_outside(tmp_path):
    with pytest.raises(ValueError, match="leads out"):
        publish(tmp_path, {"../x": File(b"")})


@pytest.mark.parametrize("kind", ["DirectoryOrCreate", "FileOrCreate"])
def test_host_paths_are_made(tmp_path, kind):
    path = tmp_path / "x"
    check_host_path(path, kind)
    assert path.is_dir() == (kind == "DirectoryOrCreate")


def test_host_paths_are_checked(tmp_path):
    with pytest.raises(Missing, match="is not a directory"):
        check_host_path(tmp_path / "x", "Directory")
    check_host_path(tmp_path / "x", "")


def test_a_volume_of_another_kind_is_refused_by_name():
    with pytest.raises(Unsupported, match="'data': iscsi is not supported"):
        host_folder({"name": "data", "iscsi": {}}, "u", Paths())


def test_mounts_are_found_the_deepest_first():
    table = "tmpfs /p/a tmpfs rw 0 0\nx /p/a/b\\040c ext4 rw 0 0\ny /other ext4 rw 0 0\n"
    assert [str(path) for path in mounts_below(Path("/p"), table)] == ["/p/a/b c", "/p/a"]


def test_everything_a_pod_names():
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}}]
    pod = {
        "metadata": {"namespace": "n"},
        "spec": {
            "containers": [{"env": env, "envFrom": [{"configMapRef": {"name": "two"}}]}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "three"}},
                {
                    "name": "w",
                    "projected": {"sources": [{"configMap": {"name": "four"}}, {"secret": {"name": "five"}}]},
                },
            ],
            "imagePullSecrets": [{"name": "six"}],
        },
    }
    assert {(kind, name) for kind, _, name in references(pod)} == {
        ("Secret", "one"),
        ("ConfigMap", "two"),
        ("Secret", "three"),
        ("ConfigMap", "four"),
        ("Secret", "five"),
        ("Secret", "six"),
    }


@pytest.mark.parametrize(
    ("volume", "complaint"),
    [
        ({"projected": {"sources": [{"clusterTrustBundle": {"path": "x"}}]}}, "projected.sources.clusterTrustBundle"),
        ({"emptyDir": {"medium": "HugePages-2Mi"}}, "emptyDir.medium HugePages-2Mi"),
        ({"nfs": {"server": "s", "path": "/"}}, "nfs"),
    ],
)
def test_what_the_node_does_not_do_is_refused_by_name(volume, complaint, tmp_path):
    with pytest.raises(Unsupported, match=complaint):
        make_volume({"name": "v"} | volume, "u", Paths(tmp_path, tmp_path))
