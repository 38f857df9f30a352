"""The tree keeps its own rules: small files, no path of one machine, package lists that agree."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
MOST_LINES = 500
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")
LITERALS = (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set)
MACHINE = re.compile(r"(?<![\w.])/(?:work|home/\w+|Users|mnt)/[\w.-]+|/tmp/(?:w\d|bash_jobs)")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def committed(*patterns):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return [CHECKOUT / name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()]


def test_no_python_file_is_longer_than_a_sitting_beside_its_tables():
    long = {}
    for path in committed("*.py"):
        text = path.read_text()
        lines = text.count("\n")
        if lines > MOST_LINES and not GENERATED.search(path.name) and lines - _tables(text) > MOST_LINES:
            long[str(path.relative_to(CHECKOUT))] = lines
    assert not long


def _tables(text):
    """The lines of literals that stand at the top of a file."""
    return sum(
        node.end_lineno - node.lineno + 1
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, (*LITERALS, ast.Call))
    )


def test_no_committed_file_names_a_path_of_one_machine():
    found = {}
    for path in committed():
        if path == Path(__file__):
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if hits := sorted(set(MACHINE.findall(text))):
            found[str(path.relative_to(CHECKOUT))] = hits[:3]
    assert not found


def test_every_room_says_what_belongs_in_it():
    silent = [
        str(path.relative_to(CHECKOUT))
        for path in committed(
            "kube/*.py", "probes/*.py", "master/*.py", "agent/*.py", "provisioning/*.py", "bench/*.py"
        )
        if not GENERATED.search(path.name) and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


@pytest.mark.parametrize("extra", ["", "agent", "master", "dev"])
def test_every_dependency_has_a_locked_version(extra):
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][extra] if extra else project["dependencies"]
    names = {_plain(re.split(r"[<>=\[;~! ]", row)[0]) for row in wanted}
    locked = {_plain(name) for name in PINNED.findall((CHECKOUT / "requirements.lock").read_text())}
    assert not names - locked


def _plain(name):
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_list_of_debian_packages_is_one_scope_and_one_name_a_line():
    rows = [
        line.split()
        for line in (CHECKOUT / "packaging/debian-packages.txt").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    assert all(len(row) == 2 and row[0] in ("node", "master", "test", "long") for row in rows)
    assert len({name for _, name in rows}) == len(rows)
