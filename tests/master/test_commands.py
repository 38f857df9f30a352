"""`master run` that cannot start: one sentence and exit code 1, never a traceback."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest


def start(root, settings=""):
    path = root / "etc/wherry/master.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings)
    done = subprocess.run(
        [Path(sys.prefix) / "bin/master", "run", "--root", root], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1].removeprefix("Error: ")


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[api]\nbind = "127.0.0.1"\nport = {taken}\n[store]\nkind = "memory"\n', "the API cannot listen on"),
        (
            '[api]\nbind = "127.0.0.1"\nport = {free}\n[store]\nkind = "memory"\n[etcd]\nport = {taken}\n',
            "etcd's API cannot listen on",
        ),
        ('[api]\ntoken_file = "/nowhere/tokens"\n', "api.token_file /nowhere/tokens"),
    ],
    ids=["api's port taken", "etcd's port taken", "no token file"],
)
def test_what_is_taken_or_missing_is_named(tmp_path, taken, settings, said):
    with socket.create_server(("127.0.0.1", 0)) as one:
        free = one.getsockname()[1]
    assert start(tmp_path, settings.format(taken=taken, free=free)).startswith(said)


def test_a_file_that_is_no_store_is_left_alone(tmp_path):
    store = tmp_path / "var/lib/wherry/store.db"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"not a store" * 1000)
    assert "is not a wherry store" in start(tmp_path)
    assert store.read_bytes() == b"not a store" * 1000
