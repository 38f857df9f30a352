"""Datagrams to backends that are gone: what the kernel remembers, and what of it is forgotten."""

from agent.proxy.flows import NODE, Flow, parse, stale, targets
from agent.proxy.rules import Place
from agent.services import Endpoint, Port, Service

PLACE = Place("n1", "10.42.0.0/16", "10.43.0.0/16")
CLIENT, NAMES, NEW, OLD = ("10.42.0.9", 1234), ("10.43.0.5", 53), ("10.42.0.2", 5353), ("10.42.0.3", 5353)
LINES = """\
udp      17 28 src=10.42.0.9 dst=10.43.0.5 sport=1234 dport=53 [UNREPLIED] src=10.42.0.3 dst=10.42.0.9 sport=5353 dport=1234 use=1
udp      17 170 src=10.42.0.9 dst=8.8.8.8 sport=1 dport=30053 src=8.8.8.8 dst=10.42.0.9 sport=30053 dport=1 [ASSURED] mark=0 use=2
conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.
"""


def service(*endpoints, **more):
    ports = (Port("dns", "UDP", 53, 30053), Port("web", "TCP", 80))
    made = tuple(Endpoint(e[0], (("dns", "UDP", e[1]),)) for e in endpoints)
    return Service("default", "names", cluster_ips=("10.43.0.5",), ports=ports, endpoints=made, **more)


def test_what_the_kernel_remembers():
    away = Flow(("10.42.0.9", 1), ("8.8.8.8", 30053), ("8.8.8.8", 30053))
    assert parse(LINES) == [Flow(CLIENT, NAMES, OLD), away]


def test_targets_are_the_udp_ports():
    assert targets(service(NEW), PLACE) == {NAMES: frozenset((NEW,)), (NODE, 30053): frozenset((NEW,))}
    assert targets(None, PLACE) == {} == targets(service(NEW, headless=True), PLACE)


def test_a_flow_to_a_backend_that_is_gone_is_forgotten():
    flows = parse(LINES)
    assert stale(flows, targets(service(NEW), PLACE)) == [flows[0]]
    assert stale(flows, targets(service(NEW, OLD), PLACE)) == []
    assert stale(flows, {NAMES: frozenset()}) == [flows[0]], "nobody is left, or the Service is gone"


def test_a_node_ports_flow_is_known_by_its_translation():
    through = Flow(CLIENT, ("192.0.2.1", 30053), OLD)
    assert stale([through], targets(service(NEW), PLACE)) == [through]
