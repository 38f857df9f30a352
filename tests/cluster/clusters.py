"""A whole cluster of real parts for tests and measurements, raised by `master up` as a user does it.

It lives in a network namespace of its own, which keeps it apart from a running `make up`: the same ports and addresses
exist twice.  Everything is taken down at the end, also after Ctrl-C.
"""

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
BIN = Path(sys.prefix) / "bin"


def wait_for(condition, seconds, what):
    """The condition's first true answer; fails saying what did not come."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(0.1)


@dataclass
class Cluster:
    """The cluster as its operator uses it: commands that run in its network namespace."""

    root: Path
    net: str
    said: str = ""
    """What `master up` printed."""
    numbers: itertools.count = field(default_factory=itertools.count)

    def inside(self, *argv: object) -> list[str]:
        """argv as it must be started to see the cluster's network (mounts stay as they are, which `ip netns exec` changes)."""
        return ["nsenter", f"--net=/run/netns/{self.net}", *map(str, argv)]

    @property
    def env(self):
        return os.environ | {"KUBECONFIG": str(self.root / "kubeconfig"), "PATH": f"{BIN}:{os.environ['PATH']}"}

    def run(self, *argv, stdin="", check=True, seconds=60, env=None):
        done = subprocess.run(
            self.inside(*argv),
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=self.env | (env or {}),
        )
        assert not check or done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *argv, env=None, **options):
        return subprocess.Popen(self.inside(*argv), env=self.env | (env or {}), text=True, **options)

    def kubectl(self, *argv, **options):
        return self.run(BIN / "kubectl", *argv, **options).stdout

    def json(self, *argv):
        return json.loads(self.kubectl(*argv, "-o", "json"))

    def master(self, command, *argv, **options):
        return self.run(BIN / "master", *command.split(), *argv, "--root", self.root, **options)

    def console(self, node, *argv, **options):
        """A command at a virtual node's console, as it ended."""
        return self.run(BIN / "master", "virtual", "exec", "--root", self.root, node, "--", *argv, **options)

    def on_node(self, node, *argv, **options):
        """What a command at a virtual node's console says."""
        return self.console(node, *argv, **options).stdout

    def nodes(self):
        """Name to whether it is Ready."""
        return {
            node["metadata"]["name"]: any(
                c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", [])
            )
            for node in self.json("get", "nodes")["items"]
        }

    def wait_pods(self, space, selector, count, seconds=40):
        """Waits until `count` pods of the selector are Ready, and returns them."""

        def ready():
            pods = self.json("get", "pods", "-n", space, "-l", selector)["items"]
            live = [p for p in pods if "deletionTimestamp" not in p["metadata"]]
            good = [
                p
                for p in live
                if any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"].get("conditions", []))
            ]
            return (good,) if len(good) == count == len(live) else None

        return wait_for(ready, seconds, f"{count} ready pods of {selector}")[0]


@contextlib.contextmanager
def raised(prefix, nodes=2, settings="", options=()):
    """A cluster with so many virtual nodes; `settings` is its master.toml, `options` are more words for `master up`."""
    with contextlib.ExitStack() as undo:
        net = f"{prefix}{os.getpid()}"
        root = CHECKOUT / ".cache" / net
        made = Cluster(root, net)
        subprocess.run(["ip", "netns", "add", net], check=True)
        undo.callback(subprocess.run, ["ip", "netns", "delete", net], check=True)
        made.run("ip", "link", "set", "lo", "up")
        undo.callback(shutil.rmtree, root, ignore_errors=True)
        undo.callback(lambda: made.master("down", check=False, seconds=120))
        if settings:
            path = root / "etc/wherry/master.toml"
            path.parent.mkdir(parents=True)
            path.write_text(settings)
        done = made.master("up", "--virtual-nodes", nodes, "--no-node", *options, seconds=280, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{_log(root)}"
        made.said = done.stdout
        yield made


def _log(root):
    path = root / "var/log/wherry/master.log"
    return path.read_text()[-4000:] if path.exists() else "the master wrote no log"
