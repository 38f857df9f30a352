"""Balancer addresses of a node: which, how they get there, and the frame that tells them."""

from agent.network.announcements import frame, links, parse, plan, wanted
from agent.services import Service


def test_a_node_answers_for_what_it_was_given():
    services = [
        Service("d", "a", balancer_ips=("192.0.2.1", "fd00::1"), announcer="n1"),
        Service("d", "b", balancer_ips=("192.0.2.2",), announcer="n2"),
        Service("d", "c", balancer_ips=("192.0.2.3",)),
    ]
    assert wanted(services, "n1") == {"192.0.2.1"}


def test_addresses_come_and_go():
    assert plan({"192.0.2.1"}, {"192.0.2.2"}) == [
        "address del 192.0.2.2/32 dev lo",
        "address replace 192.0.2.1/32 dev lo label lo:wherry",
    ]
    assert plan({"192.0.2.1"}, {"192.0.2.1"}) == []


def test_what_the_kernel_says():
    text = '[{"addr_info":[{"local":"127.0.0.1","label":"lo"},{"local":"192.0.2.1","label":"lo:wherry"}]}]'
    assert parse(text) == {"192.0.2.1"} and parse("") == set()
    routes = (
        '[{"dst":"default","gateway":"192.0.2.254","dev":"eth0"},{"dst":"10.42.1.0/24","gateway":"192.0.2.9","dev":"eth0"},\
{"dst":"10.42.0.0/24","dev":"cni0"}]'
    )
    assert links(routes) == ["eth0"]


def test_the_frame():
    made = frame(bytes.fromhex("020000000001"), "192.0.2.1")
    assert made.hex() == (
        "ffffffffffff" "020000000001" "0806" "0001" "0800" "06" "04" "0001"
        "020000000001" "c0000201" "000000000000" "c0000201"
    )  # fmt: skip
