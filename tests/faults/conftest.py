"""A cluster of its own, since its nodes are broken one fault after the other; and the report that `make faults` prints."""

import json
import time
from dataclasses import dataclass

import pytest

from tests.cluster.clusters import raised, wait_for

CONSOLE = """
on() { node=$1; shift; master virtual exec --root "$ROOT" "$node" -- sh -c "$*"; }
"""
ROWS = pytest.StashKey[list]()


@dataclass
class Ward:
    """The cluster as one who breaks and mends it sees it."""

    cluster: object

    def console(self, script, node="node-1"):
        done = self.cluster.console(node, "sh", "-c", script, check=False)
        return done.returncode, done.stdout + done.stderr

    def host(self, script):
        env = {"ROOT": str(self.cluster.root)}
        done = self.cluster.run("sh", "-c", CONSOLE + script, check=False, env=env)
        return done.returncode, done.stdout + done.stderr

    def doctor(self, *words, node="node-1"):
        """The findings of a node's doctor, as it ranks them."""
        said = self.cluster.console(node, "/opt/wherry/current/bin/agent", "doctor", "--json", *words, check=False)
        return json.loads(said.stdout)


def causes(findings):
    return [row for row in findings if row["level"] == "trouble" and not row["cause"]]


@pytest.fixture(scope="session")
def ward():
    with raised("wf") as cluster:
        made = Ward(cluster)
        wait_for(lambda: all(not causes(made.doctor(node=node)) for node in ("node-1", "node-2")), 60, "healthy nodes")
        yield made


@pytest.fixture
def row(request):
    """What the report says of this fault: filled in by the test."""
    found = {"cause": request.node.callspec.id if hasattr(request.node, "callspec") else request.node.name}
    request.config.stash.setdefault(ROWS, []).append(found)
    began = time.monotonic()
    yield found
    found.setdefault("seconds", time.monotonic() - began)


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash.get(ROWS, [])
    if not rows:
        return
    terminalreporter.write_sep("-", f"{sum(row.get('rank') == 1 for row in rows)} of {len(rows)} found first")
    terminalreporter.write_line(f"{'cause':40} found  rank  false alarms  seconds")
    for row in rows:
        rank = row.get("rank")
        terminalreporter.write_line(
            f"{row['cause']:40} {'yes' if rank else 'no':5}  {rank or '-':>4}  {row.get('false', '-'):>12}  {row['seconds']:7.1f}"
        )
