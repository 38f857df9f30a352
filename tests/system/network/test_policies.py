"""NetworkPolicies on a real kernel: three namespaces with three pods each, every pair and port probed with connections.

The cases are upstream's published ones for network policies; what may pass is said of each in one expression.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.network.running import turn_on_switches
from agent.policy.rules import SHARE
from agent.policy.running import Policies
from agent.policy.sets import Ipset
from agent.proxy.kernel import Backend, Iptables
from agent.proxy.restoring import removal
from agent.proxy.tables import Tables
from master.controllers.policies import slices
from tests.system.network.namespaces import bridged, inside


class Pod(NamedTuple):
    """`ns` is the Kubernetes namespace, labelled ns=NS; the pod is labelled pod=NAME."""

    ns: str
    name: str
    address: str

    def object(self):
        ports = [{"name": "serve-81", "containerPort": 81}]
        return {
            "metadata": {"namespace": self.ns, "name": self.name, "labels": {"pod": self.name}},
            "spec": {"ports": ports, "containers": [{"ports": ports}]},
            "status": {"podIP": self.address, "phase": "Running"},
        }


PODS = [Pod(ns, name, f"10.42.0.{n}") for n, (ns, name) in enumerate(itertools.product("xyz", "abc"), start=11)]
SOCKETS = [("TCP", 80), ("TCP", 81), ("UDP", 80)]
SPACES = {ns: {"ns": ns} for ns in "xyz"}


def pods(**labels):
    return {"podSelector": {"matchLabels": labels}}


def spaces(**labels):
    return {"namespaceSelector": {"matchLabels": labels}}


def inward(*rules, select=None, ns="x"):
    return ns, {"podSelector": {"matchLabels": select or {}}, "policyTypes": ["Ingress"], "ingress": list(rules)}


def outward(*rules, select=None, ns="x"):
    return ns, {"podSelector": {"matchLabels": select or {}}, "policyTypes": ["Egress"], "egress": list(rules)}


NOT_X = {"namespaceSelector": {"matchExpressions": [{"key": "ns", "operator": "NotIn", "values": ["x"]}]}}
B_OR_C = {"podSelector": {"matchExpressions": [{"key": "pod", "operator": "In", "values": ["b", "c"]}]}}
TCP_81, NAMED = {"protocol": "TCP", "port": 81}, {"protocol": "TCP", "port": "serve-81"}
RANGE = {"protocol": "TCP", "port": 80, "endPort": 81}
XA, XB = PODS[0].address, PODS[1].address
BLOCK = {"ipBlock": {"cidr": "10.42.0.0/24", "except": [f"{XB}/32"]}}

# What is asked: policies, and whether a packet from s to d at socket p passes (a pod always reaches itself).
CASES = [
    pytest.param([], lambda s, d, p: True, id="no policy"),
    pytest.param([inward()], lambda s, d, p: d.ns != "x", id="deny all into a namespace"),
    pytest.param([inward({})], lambda s, d, p: True, id="allow all into a namespace"),
    pytest.param([inward(), inward({})], lambda s, d, p: True, id="policies add up"),
    pytest.param(
        [inward({"from": [pods(pod="b")]}, select={"pod": "a"})],
        lambda s, d, p: d[:2] != ("x", "a") or s[:2] == ("x", "b"),
        id="from pods of the same namespace",
    ),
    pytest.param(
        [inward({"from": [spaces(ns="y")]})], lambda s, d, p: d.ns != "x" or s.ns == "y", id="from a namespace"
    ),
    pytest.param([inward({"from": [NOT_X]})], lambda s, d, p: d.ns != "x" or s.ns != "x", id="by an expression"),
    pytest.param(
        [inward({"from": [B_OR_C]})],
        lambda s, d, p: d.ns != "x" or (s.ns == "x" and s.name in "bc"),
        id="pods by an expression",
    ),
    pytest.param(
        [inward({"from": [spaces(ns="y") | pods(pod="a")]})],
        lambda s, d, p: d.ns != "x" or s[:2] == ("y", "a"),
        id="pods of a namespace",
    ),
    pytest.param(
        [inward({"from": [spaces(ns="y"), pods(pod="b")]})],
        lambda s, d, p: d.ns != "x" or s.ns == "y" or s[:2] == ("x", "b"),
        id="a namespace or pods",
    ),
    pytest.param([inward({"ports": [TCP_81]})], lambda s, d, p: d.ns != "x" or p == ("TCP", 81), id="one port"),
    pytest.param([inward({"ports": [NAMED]})], lambda s, d, p: d.ns != "x" or p == ("TCP", 81), id="a named port"),
    pytest.param([inward({"ports": [RANGE]})], lambda s, d, p: d.ns != "x" or p[0] == "TCP", id="a range of ports"),
    pytest.param(
        [inward({"ports": [{"protocol": "UDP"}]})], lambda s, d, p: d.ns != "x" or p[0] == "UDP", id="a protocol"
    ),
    pytest.param(
        [inward({"from": [spaces(ns="y")], "ports": [TCP_81]}, {"from": [spaces(ns="z")], "ports": [RANGE]})],
        lambda s, d, p: d.ns != "x" or (s.ns == "y" and p[1] == 81) or (s.ns == "z" and p[0] == "TCP"),
        id="each rule has its own ports",
    ),
    pytest.param(
        [inward({"from": [BLOCK]})], lambda s, d, p: d.ns != "x" or s.address != XB, id="a block with an exception"
    ),
    pytest.param(
        [inward({"from": [BLOCK, pods(pod="b")]})], lambda s, d, p: True, id="what one peer leaves out another lets in"
    ),
    pytest.param([outward()], lambda s, d, p: s.ns != "x", id="deny all out of a namespace"),
    pytest.param([outward({})], lambda s, d, p: True, id="allow all out of a namespace"),
    pytest.param(
        [outward({"to": [spaces(ns="y")], "ports": [TCP_81]}, select={"pod": "a"})],
        lambda s, d, p: s[:2] != ("x", "a") or (d.ns == "y" and p == ("TCP", 81)),
        id="out to a namespace's port",
    ),
    pytest.param(
        [outward({"to": [spaces(ns="y")], "ports": [NAMED]})],
        lambda s, d, p: s.ns != "x" or (d.ns == "y" and p == ("TCP", 81)),
        id="out to a named port",
    ),
    pytest.param(
        [outward({"ports": [NAMED]})],
        lambda s, d, p: s.ns != "x" or p == ("TCP", 81),
        id="out to a named port anywhere",
    ),
    pytest.param([outward({"to": [BLOCK]})], lambda s, d, p: s.ns != "x" or d.address != XB, id="out to a block"),
    pytest.param(
        [inward({"from": [spaces(ns="x")]}, ns="y"), outward({"to": [spaces(ns="y")]})],
        lambda s, d, p: (d.ns != "y" or s.ns == "x") and (s.ns != "x" or d.ns == "y"),
        id="both ends must agree",
    ),
]


class Matrix:
    """The pods' processes, each asked by a line."""

    def __init__(self, node, peers):
        self.node, self.peers = node, peers

    def ask(self):
        """Every triple of source, destination and socket that passes."""
        triples = {s: [(d, p) for d in PODS if d != s for p in SOCKETS] for s in PODS}
        for source, peer in self.peers.items():
            targets = [(protocol, d.address, port) for d, (protocol, port) in triples[source]]
            peer.stdin.write(json.dumps(targets) + "\n")
            peer.stdin.flush()
        return {
            (source, *triple)
            for source, peer in self.peers.items()
            for triple, passed in zip(triples[source], json.loads(peer.stdout.readline()), strict=True)
            if passed
        }

    def until(self, wanted):
        """A slow machine may miss an answer and is asked again; what must not pass never does, for the rules do not change."""
        deadline, seen = time.monotonic() + 30, set()
        while seen != wanted:
            assert time.monotonic() < deadline, f"did not pass: {sorted(wanted - seen)[:5]}"
            found = self.ask()
            assert not found - wanted, f"passed: {sorted(found - wanted)[:5]}"
            seen |= found


@pytest.fixture(scope="module")
def matrix():
    with contextlib.ExitStack() as undo:
        node = undo.enter_context(bridged("wp"))
        inside(node, _switches)
        peers = {}
        for pod in PODS:
            inner = undo.enter_context(node.connected(f"{pod.ns}{pod.name}", pod.address))
            words = ["ip", "netns", "exec", inner, sys.executable, str(Path(__file__).with_name("peer.py"))]
            peer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            undo.callback(_end, peer)
            peers[pod] = peer
        for peer in peers.values():
            assert peer.stdout.readline() == "ready\n"
        yield Matrix(node, peers)


def _end(peer):
    peer.terminate()
    peer.communicate(timeout=10)


async def _switches():
    turn_on_switches()


class Written:
    """Policies as the API would have them, with the slices of their controller, applied by the agent's room."""

    def __init__(self, node, backend):
        self.node, self.objects, self.pieces = node, [], []
        tables = Tables(Iptables(backend), SHARE)
        here = lambda: [pod.object() for pod in PODS]  # noqa: E731
        self.room = Policies(lambda: self.objects, here, lambda: self.pieces, tables, Ipset(), time.monotonic)

    def apply(self, *policies):
        self.objects = [
            {"metadata": {"namespace": ns, "name": f"p{n}", "uid": f"u{n}"}, "spec": spec}
            for n, (ns, spec) in enumerate(policies)
        ]
        everyone = [pod.object() for pod in PODS]
        self.pieces = [piece for policy in self.objects for piece in slices(policy, everyone, SPACES)]
        inside(self.node, self.room.sync)


@pytest.fixture(params=list(Backend))
def written(matrix, request):
    made = Written(matrix.node, request.param)
    yield made
    made.apply()
    inside(matrix.node, lambda: _clean(made.room))


async def _clean(room):
    await room.tables.kernel.restore(removal(await room.tables.kernel.save(SHARE.tables), SHARE))
    assert "WHERRY" not in await room.tables.kernel.save(SHARE.tables)
    assert await room.sets.save() == {}


@pytest.mark.parametrize("written", [Backend.NFT], indirect=True)
@pytest.mark.parametrize(("policies", "passes"), CASES)
def test_what_passes(matrix, written, policies, passes):
    written.apply(*policies)
    pairs = itertools.product(PODS, PODS, SOCKETS)
    matrix.until({(s, d, p) for s, d, p in pairs if s != d and passes(s, d, p)})
    assert not inside(matrix.node, written.room.tables.lost), "the kernel holds what was written"


def test_policies_come_change_and_go(matrix, written):
    everything = {(s, d, p) for s, d, p in itertools.product(PODS, PODS, SOCKETS) if s != d}
    written.apply(inward(), outward(ns="y"))
    matrix.until({(s, d, p) for s, d, p in everything if d.ns != "x" and s.ns != "y"})
    written.apply(inward({"from": [pods(pod="a")]}))
    matrix.until({(s, d, p) for s, d, p in everything if d.ns != "x" or s[:2] == ("x", "a")})
    written.apply()
    matrix.until(everything)


def test_a_node_reaches_its_isolated_pods_and_they_reach_it_and_themselves(matrix, written):
    written.apply(inward(), outward())
    connect = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 10).close()"
    matrix.node.exec(sys.executable, "-c", connect, XA, "80")
    matrix.node.pod("xa", sys.executable, "-c", connect, XA, "80")
    serve = "import socket; s = socket.create_server(('10.42.0.1', 53)); print('up', flush=True); s.accept()"
    words = ["ip", "netns", "exec", matrix.node.name, sys.executable, "-c", serve]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as names:
        assert names.stdout.readline() == "up\n"
        matrix.node.pod("xa", sys.executable, "-c", connect, "10.42.0.1", "53")
        names.wait(10)


TALKER = """\
import socket, sys
s = socket.create_connection((sys.argv[1], 80), 10)
for line in sys.stdin:
    s.settimeout(float(line))
    s.sendall(b"x")
    try:
        print(s.recv(1) == b"x", flush=True)
    except TimeoutError:
        print(False, flush=True)
"""


def test_a_policy_holds_for_connections_that_exist(matrix, written):
    words = ["ip", "netns", "exec", f"{matrix.node.name}-ya", sys.executable, "-c", TALKER, XA]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as talker:

        def says(patience):
            talker.stdin.write(f"{patience}\n")
            talker.stdin.flush()
            return talker.stdout.readline().strip()

        assert says(10) == "True"
        written.apply(inward())
        assert says(0.5) == "False"
        talker.stdin.close()
        talker.wait(10)
