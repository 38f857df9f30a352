"""A node's network of real parts: a namespace with a bridge and two pods on it, each a namespace that answers HTTP."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

SERVER = (
    "import http.server,sys; http.server.HTTPServer(('0.0.0.0',8080),type('H',(http.server.BaseHTTPRequestHandler,),{{\
'do_GET':lambda s:(s.send_response(200),s.end_headers(),s.wfile.write(b'{name} '+s.client_address[0].encode())),\
'log_message':lambda *a:None}})).serve_forever()"
)


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=20, **options).stdout


@dataclass
class Node:
    """`exec` runs in the node's namespace, `pod` in a pod's."""

    name: str

    def exec(self, *words):
        return run("ip", "netns", "exec", self.name, *words)

    def pod(self, pod, *words):
        return run("ip", "netns", "exec", f"{self.name}-{pod}", *words)


@pytest.fixture(scope="module")
def node():
    node = Node(f"wt{os.getpid()}")
    servers = []
    with contextlib.ExitStack() as undo:
        _namespace(undo, node.name)
        node.exec("ip", "link", "add", "cni0", "type", "bridge")
        node.exec("ip", "address", "add", "10.42.0.1/24", "dev", "cni0")
        node.exec("ip", "link", "set", "cni0", "up")
        for number, pod in enumerate(("a", "b"), start=2):
            inner = f"{node.name}-{pod}"
            _namespace(undo, inner)
            run(
                "ip",
                "link",
                "add",
                f"v{pod}",
                "netns",
                node.name,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                inner,
            )
            node.exec("ip", "link", "set", f"v{pod}", "master", "cni0", "up")
            node.exec("bridge", "link", "set", "dev", f"v{pod}", "hairpin", "on")
            node.pod(pod, "ip", "address", "add", f"10.42.0.{number}/24", "dev", "eth0")
            node.pod(pod, "ip", "link", "set", "eth0", "up")
            node.pod(pod, "ip", "route", "add", "default", "via", "10.42.0.1")
            server = subprocess.Popen(
                ["ip", "netns", "exec", inner, sys.executable, "-c", SERVER.format(name=f"pod-{pod}")]
            )
            servers.append(server)
            undo.callback(server.wait, 10)
            undo.callback(server.terminate)
        _await_servers(node)
        yield node


def _namespace(undo, name):
    run("ip", "netns", "add", name)
    undo.callback(run, "ip", "netns", "delete", name)
    run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")


def _await_servers(node):
    deadline = time.monotonic() + 15
    for pod in ("a", "b"):
        while "8080" not in node.pod(pod, "ss", "-ltn"):
            assert time.monotonic() < deadline, "the pods' servers do not listen"
