"""Variables out of files: what is an entry, and what a file may be."""

import os

import pytest

from agent.pods.envfiles import LARGEST, read_files, variables
from agent.pods.environment import ConfigError, Surroundings, container_environment
from agent.pods.places import Paths


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("A='1'", {"A": "1"}),
        ("# told\n\n  A = '1'  \nB='two\nlines # and no comment'\n", {"A": "1", "B": "two\nlines # and no comment"}),
        ("A='$(B) \\n \"'\n", {"A": '$(B) \\n "'}),
        ("A=''", {"A": ""}),
    ],
)
def test_entries(text, found):
    assert variables(text) == found


@pytest.mark.parametrize("text", ["A=1", 'A="1"', "A='1''2'", "A='1'$B", "A='1", "1A='1'", "A"])
def test_what_is_no_entry_is_refused_with_its_line(text):
    with pytest.raises(ConfigError, match="at line 2"):
        variables("# one\n" + text)


@pytest.fixture
def paths(tmp_path):
    paths = Paths(tmp_path / "pods", tmp_path / "logs")
    (paths.volume("u", "emptyDir", "v") / "sub").mkdir(parents=True)
    (paths.volume("u", "emptyDir", "v") / "sub" / "env").write_text("A='1'\n")
    return paths


def told(paths, path="sub/env", key="A", volume="v", **more):
    source = {"volumeName": volume, "path": path, "key": key} | more
    container = {"name": "c", "env": [{"name": "X", "valueFrom": {"fileKeyRef": source}}]}
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "h", "hostPath": {"path": "/"}}]
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"volumes": volumes}}
    around = Surroundings(files=read_files(pod, container, paths))
    return dict(container_environment(pod, container, around))


def test_a_variable_is_what_the_file_says(paths):
    assert told(paths) == {"X": "1"}


@pytest.mark.parametrize("missing", [{"path": "none"}, {"key": "B"}], ids=["file", "key"])
def test_what_is_missing_is_an_error_unless_it_is_optional(paths, missing):
    assert told(paths, **missing, optional=True) == {}
    with pytest.raises(ConfigError, match="not found"):
        told(paths, **missing)


def test_only_an_empty_dir_may_hold_the_file(paths):
    with pytest.raises(ConfigError, match="no emptyDir"):
        told(paths, volume="h", path="etc/hostname")


def test_a_link_does_not_lead_out_of_the_volume(paths):
    folder = paths.volume("u", "emptyDir", "v")
    (folder.parent / "secret").write_text("A='stolen'")
    (folder / "link").symlink_to("../secret")
    assert told(paths, path="link", optional=True) == {}


def test_a_pipe_or_a_huge_file_is_refused(paths):
    folder = paths.volume("u", "emptyDir", "v")
    os.mkfifo(folder / "pipe")
    (folder / "huge").write_bytes(b"#" * (LARGEST + 1))
    for name in ("pipe", "huge"):
        with pytest.raises(ConfigError, match="no regular file"):
            told(paths, path=name)
