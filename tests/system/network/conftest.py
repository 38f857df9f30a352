"""A node's network of real parts: a namespace with a bridge and two pods on it, each a namespace that answers HTTP."""

import contextlib
import subprocess
import sys
import time

import pytest

from tests.system.network.namespaces import bridged

SERVER = (
    "import http.server,sys; http.server.HTTPServer(('0.0.0.0',8080),type('H',(http.server.BaseHTTPRequestHandler,),{{\
'do_GET':lambda s:(s.send_response(200),s.end_headers(),s.wfile.write(b'{name} '+s.client_address[0].encode())),\
'log_message':lambda *a:None}})).serve_forever()"
)


@pytest.fixture(scope="module")
def node():
    with contextlib.ExitStack() as undo:
        node = undo.enter_context(bridged("wt"))
        for number, pod in enumerate(("a", "b"), start=2):
            inner = undo.enter_context(node.connected(pod, f"10.42.0.{number}"))
            server = subprocess.Popen(
                ["ip", "netns", "exec", inner, sys.executable, "-c", SERVER.format(name=f"pod-{pod}")]
            )
            undo.callback(server.wait, 10)
            undo.callback(server.terminate)
        _await_servers(node)
        yield node


def _await_servers(node):
    deadline = time.monotonic() + 15
    for pod in ("a", "b"):
        while "8080" not in node.pod(pod, "ss", "-ltn"):
            assert time.monotonic() < deadline, "the pods' servers do not listen"
