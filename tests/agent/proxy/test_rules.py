"""Services to iptables text: golden texts, and that a change says only what changed."""

from dataclasses import replace

import pytest

from agent.proxy.choosing import anywhere, here
from agent.proxy.restoring import parse_save, removal, render, render_change
from agent.proxy.rules import CHAIN_LENGTH, SHARE, Place, assemble, chain_name, hairpins, render_service
from agent.services import Endpoint, Port, Service

PLACE = Place("n1", "10.42.0.0/16", "10.43.0.0/16", frozenset({"10.43.0.10"}))


def endpoint(address, node="n1", **more):
    return Endpoint(address, (("http", "TCP", 8080),), node=node, **more)


def service(name="web", ip="10.43.0.5", endpoints=(), **more):
    ports = more.pop("ports", (Port("http", "TCP", 80),))
    return Service("default", name, cluster_ips=(ip,), ports=ports, endpoints=tuple(endpoints), **more)


def ruleset(*services):
    parts = {s.key: render_service(s, PLACE) for s in services}
    return assemble(parts, hairpins(services, PLACE), PLACE)


def nat(*services):
    return ruleset(*services)["nat"]


GOLDEN = """\
*filter
:WHERRY-FORWARD - [0:0]
:WHERRY-REJECT - [0:0]
-A WHERRY-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A WHERRY-FORWARD -s 10.42.0.0/16 -j ACCEPT
-A WHERRY-FORWARD -d 10.42.0.0/16 -j ACCEPT
-A WHERRY-REJECT ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate DNAT -j DROP
-A WHERRY-REJECT -d 10.43.0.6/32 -p tcp --dport 80 -j REJECT --reject-with tcp-reset
-A WHERRY-REJECT -d 10.43.0.0/16 -m addrtype ! --dst-type LOCAL -j DROP
COMMIT
*nat
:W:default/web:http - [0:0]
:WHERRY-10.43.0 - [0:0]
:WHERRY-HAIRPIN - [0:0]
:WHERRY-NODEPORTS - [0:0]
:WHERRY-POSTROUTING - [0:0]
:WHERRY-SERVICES - [0:0]
:X:default/web:http - [0:0]
-A W:default/web:http -m statistic --mode random --probability 0.5000000000 -p tcp -j DNAT --to-destination 10.42.0.2:8080
-A W:default/web:http -p tcp -j DNAT --to-destination 10.42.1.2:8080
-A WHERRY-10.43.0 ! -s 10.42.0.0/16 -d 10.43.0.5/32 -p tcp --dport 80 -j MARK --set-xmark 0x4000/0x4000
-A WHERRY-10.43.0 -d 10.43.0.5/32 -p tcp --dport 80 -j W:default/web:http
-A WHERRY-HAIRPIN -s 10.42.0.2/32 -d 10.42.0.2/32 -j MASQUERADE
-A WHERRY-NODEPORTS -p tcp --dport 30080 -j X:default/web:http
-A WHERRY-POSTROUTING -m mark ! --mark 0x4000/0x4000 -m conntrack --ctstate DNAT -s 10.42.0.0/16 -d 10.42.0.0/16 -j WHERRY-HAIRPIN
-A WHERRY-POSTROUTING -s 10.42.0.0/16 ! -d 10.42.0.0/16 -j MASQUERADE
-A WHERRY-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A WHERRY-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A WHERRY-POSTROUTING -j MASQUERADE
-A WHERRY-SERVICES -d 10.43.0.0/24 -j WHERRY-10.43.0
-A WHERRY-SERVICES -m addrtype --dst-type LOCAL -j WHERRY-NODEPORTS
-A X:default/web:http -j MARK --set-xmark 0x4000/0x4000
-A X:default/web:http -j W:default/web:http
COMMIT
"""


def test_golden_text():
    web = service(
        endpoints=[endpoint("10.42.0.2"), endpoint("10.42.1.2", "n2")],
        ports=(Port("http", "TCP", 80, 30080),),
        type="NodePort",
    )
    assert render(ruleset(service("empty", "10.43.0.6"), web)) == GOLDEN


def test_the_order_of_arrival_does_not_matter():
    services = [service(f"s{i}", f"10.43.{i}.5", [endpoint("10.42.0.2")]) for i in range(5)]
    assert render(ruleset(*services)) == render(ruleset(*reversed(services)))


def test_a_change_names_only_what_changed_and_deletes_what_is_gone():
    stays = service("a", "10.43.0.5", [endpoint("10.42.0.2")])
    goes = service("b", "10.43.7.6", [endpoint("10.42.0.3", "n2")])
    text = render_change(ruleset(stays, goes), ruleset(stays))
    assert ":W:default/b:http - [0:0]" in text and "-X W:default/b:http" in text and "-X WHERRY-10.43.7" in text
    assert "default/a" not in text
    assert render_change(ruleset(stays), ruleset(stays)) == ""


def test_an_address_the_node_answers_itself_has_no_rules():
    part = render_service(service("kube-dns", "10.43.0.10", [endpoint("10.42.0.2")]), PLACE)
    assert not part.chains and not part.rejects


@pytest.mark.parametrize("kind", [{"headless": True}, {"type": "ExternalName", "external_name": "example.org"}])
def test_headless_and_external_names_have_no_rules(kind):
    assert not render_service(service(endpoints=[endpoint("10.42.0.2")], **kind), PLACE).chains


NODE_PORT = (Port("http", "TCP", 80, 30080),)


def test_external_local_uses_only_this_nodes_endpoints_and_keeps_the_source():
    web = service(endpoints=[endpoint("10.42.0.2"), endpoint("10.42.1.2", "n2")], ports=NODE_PORT, external_local=True)
    assert nat(web)["X:default/web:http"] == (
        "-s 10.42.0.0/16 -j W:default/web:http",
        "-m addrtype --src-type LOCAL -j MARK --set-xmark 0x4000/0x4000",
        "-m addrtype --src-type LOCAL -j W:default/web:http",
        "-j N:default/web:http",
    )
    assert nat(web)["N:default/web:http"] == ("-p tcp -j DNAT --to-destination 10.42.0.2:8080",)


@pytest.mark.parametrize(
    ("endpoints", "met_by"),
    [
        pytest.param([endpoint("10.42.1.2", "n2")], "DROP", id="another node's balancer check says so"),
        pytest.param([], "REJECT --reject-with tcp-reset", id="nobody anywhere"),
    ],
)
def test_external_local_without_an_endpoint_here(endpoints, met_by):
    rules = ruleset(service(endpoints=endpoints, ports=NODE_PORT, external_local=True))["filter"]["WHERRY-REJECT"]
    assert f"-m addrtype --dst-type LOCAL -p tcp --dport 30080 -j {met_by}" in rules


def test_internal_local_stays_on_the_node():
    both = [endpoint("10.42.0.2"), endpoint("10.42.1.2", "n2")]
    assert nat(service(endpoints=both, internal_local=True))["WHERRY-10.43.0"][-1].endswith("-j N:default/web:http")
    away = ruleset(service(endpoints=both[1:], internal_local=True))
    assert "-d 10.43.0.5/32 -p tcp --dport 80 -j DROP" in away["filter"]["WHERRY-REJECT"]


def test_sctp_and_udp_are_said_by_name():
    ports = (Port("s", "SCTP", 5000), Port("u", "UDP", 53))
    both = Endpoint("10.42.0.2", (("s", "SCTP", 5001), ("u", "UDP", 5353)), node="n1")
    rules = nat(service(ports=ports, endpoints=[both]))
    assert rules["W:default/web:s:sctp"] == ("-p sctp -j DNAT --to-destination 10.42.0.2:5001",)
    assert rules["W:default/web:u:udp"] == ("-p udp -j DNAT --to-destination 10.42.0.2:5353",)


@pytest.mark.parametrize(
    ("endpoints", "chosen"),
    [
        pytest.param([{}, {}], "ab", id="no hints"),
        pytest.param([{"for_zones": ("z1",)}, {"for_zones": ("z2",)}], "a", id="this zone"),
        pytest.param([{"for_zones": ("z1",)}, {}], "ab", id="one without a hint: none counts"),
        pytest.param([{"for_zones": ("z2",)}, {"for_zones": ("z3",)}], "ab", id="none for this zone"),
        pytest.param([{"for_nodes": ("n1",)}, {"for_nodes": ("n2",)}], "a", id="this node"),
        pytest.param([{"for_nodes": ("n2",), "for_zones": ("z1",)}] * 2, "ab", id="no node's own: the zone's"),
        pytest.param([{"ready": False, "terminating": True}, {"for_zones": ("z2",)}], "b", id="ready ones first"),
        pytest.param(
            [{"ready": False, "terminating": True}, {"ready": False}], "ab", id="those that end, when none is"
        ),
        pytest.param([{"ready": False, "serving": False}, {}], "b", id="one that does not serve never"),
    ],
)
def test_which_endpoints_are_chosen(endpoints, chosen):
    made = [Endpoint(name, (), **more) for name, more in zip("ab", endpoints, strict=True)]
    one_ends = [e if e.ready else replace(e, terminating=e.serving) for e in made]
    found = anywhere(Service("d", "s", endpoints=tuple(one_ends)), "n1", "z1")
    assert "".join(e.address for e in found) == chosen


def test_an_ending_endpoint_here_is_better_than_none_here():
    ends = endpoint("10.42.0.2", ready=False, terminating=True)
    assert here(service(endpoints=[ends, endpoint("10.42.1.2", "n2")]), "n1") == (ends,)


def test_source_ranges_let_in_only_whom_they_name():
    web = service(endpoints=[endpoint("10.42.0.2")], balancer_ips=("192.0.2.7",), source_ranges=("198.51.100.0/24",))
    rules = ruleset(web)
    assert rules["nat"]["L:default/web:http"] == ("-s 198.51.100.0/24 -j X:default/web:http",)
    assert "-d 192.0.2.7/32 -p tcp --dport 80 -j L:default/web:http" in rules["nat"]["WHERRY-SERVICES"]
    assert "-d 192.0.2.7/32 -p tcp --dport 80 -j DROP" in rules["filter"]["WHERRY-REJECT"]


def test_affinity_remembers_the_client():
    chains = nat(service(endpoints=[endpoint("10.42.0.2")], affinity_seconds=60))
    first, second = chains["W:default/web:http"]
    assert "--rcheck --seconds 60 --reap --rsource" in first and second.startswith("-j E:")
    assert any("--set --rsource" in rule for rules in chains.values() for rule in rules)


@pytest.mark.parametrize("name", ["a", "a" * 63, "web-frontend-with-a-long-name"])
def test_chain_names_fit_and_differ(name):
    one = chain_name("W", Service("namespace", name), Port("http", "TCP", 80))
    other = chain_name("W", Service("namespace", name), Port("https", "TCP", 443))
    assert len(one) <= CHAIN_LENGTH and one != other


def test_what_the_kernel_says_of_us():
    text = "*nat\n:PREROUTING ACCEPT [0:0]\n:WHERRY-SERVICES - [0:0]\n-A PREROUTING -j WHERRY-SERVICES\nCOMMIT\n"
    chains, missing = parse_save(text, SHARE)
    assert chains == {"nat": {"WHERRY-SERVICES": ()}}
    assert ("nat", "PREROUTING", "-j WHERRY-SERVICES") not in missing
    assert ("nat", "OUTPUT", "-j WHERRY-SERVICES") in missing
    assert removal(text, SHARE) == (
        "*nat\n:WHERRY-SERVICES - [0:0]\n-D PREROUTING -j WHERRY-SERVICES\n-X WHERRY-SERVICES\nCOMMIT\n"
    )
