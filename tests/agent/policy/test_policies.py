"""NetworkPolicies to sets and rules: who is meant, golden text, and what changes of a set."""

import pytest

from agent.policy.resolving import Member, Pod, Ports, Rule, members_of, pod_of, resolve
from agent.policy.rules import render
from agent.policy.sets import Set, parse_save, plan, plan_removal
from agent.proxy.restoring import render as text_of
from kube.policies import EVERY_POD, Group, groups, uses_named_ports

WEB = Pod("x", {"app": "web"}, "10.42.0.2", (("http", "TCP", 8080), ("dns", "UDP", 53)))
OTHER = Pod("x", {"app": "db"}, "10.42.0.3")
FRIENDS = {"podSelector": {"matchLabels": {"app": "friend"}}}
KEY = Group(None, FRIENDS["podSelector"]).key


def policy(name="p", **spec):
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]} | spec
    return {"metadata": {"namespace": "x", "name": name, "uid": "u"}, "spec": spec}


def ingress(*rules, members=None):
    return resolve(policy(ingress=list(rules)), [WEB, OTHER], members or {}).ingress


def egress(*rules, members=None):
    return resolve(policy(policyTypes=["Egress"], egress=list(rules)), [WEB], members or {}).egress


def test_a_policy_is_applied_where_its_pods_are():
    assert resolve(policy(), [WEB, OTHER], {}).pods == ("10.42.0.2",)
    assert resolve(policy(podSelector={}), [WEB, OTHER], {}).pods == ("10.42.0.2", "10.42.0.3")
    assert resolve(policy(), [OTHER], {}) is None
    assert resolve(policy(), [Pod("y", {"app": "web"}, "10.42.0.2")], {}) is None


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        pytest.param([], (), id="nothing may in"),
        pytest.param([{}], (Rule(None),), id="anyone, any port"),
        pytest.param([{"from": []}], (Rule(None),), id="no peers mean anyone"),
        pytest.param([{"from": [FRIENDS]}], (Rule(("10.42.1.7",)),), id="a group"),
        pytest.param([{"from": [{"podSelector": {}}]}], (Rule(()),), id="a group nobody has told of"),
    ],
)
def test_who_may_in(rules, found):
    assert ingress(*rules, members={KEY: [Member("10.42.1.7")]}) == found


@pytest.mark.parametrize(
    ("blocks", "networks"),
    [
        ([{"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}], ("10.0.0.0", "10.0.0.2/31")),
        ([{"cidr": "10.0.0.0/30", "except": ["10.0.0.0/24"]}], ()),
        ([{"cidr": "10.0.0.0/30", "except": ["10.0.0.1/32"]}, {"cidr": "10.0.0.0/31"}], ("10.0.0.0/30",)),
        ([{"cidr": "10.0.0.7/24", "except": ["192.0.2.0/24"]}], ("10.0.0.0/24",)),
        ([{"cidr": "0.0.0.0/0"}], ("0.0.0.0/0",)),
        ([{"cidr": "fd00::/8"}], ()),
    ],
)
def test_blocks_and_their_exceptions(blocks, networks):
    assert ingress({"from": [{"ipBlock": block} for block in blocks]})[0].peers == networks


@pytest.mark.parametrize(
    ("port", "found"),
    [
        ({"port": 80}, Ports("TCP", 80, 80)),
        ({"protocol": "UDP", "port": 80, "endPort": 90}, Ports("UDP", 80, 90)),
        ({"protocol": "SCTP"}, Ports("SCTP")),
        ({"port": "http"}, Ports("TCP", sockets=(("10.42.0.2", 8080),))),
        ({"port": "dns"}, Ports("TCP", sockets=())),
        ({"port": "dns", "protocol": "UDP"}, Ports("UDP", sockets=(("10.42.0.2", 53),))),
    ],
)
def test_ports(port, found):
    assert ingress({"ports": [port]}) == (Rule(None, (found,)),)


def test_a_port_named_on_the_way_out_is_each_peers_own():
    members = {KEY: [Member("10.42.1.7", (("http", "TCP", 81),)), Member("10.42.1.8")]}
    sockets = (("10.42.1.7", 81),)
    assert egress({"to": [FRIENDS], "ports": [{"port": "http"}]}, members=members)[0].ports[0].sockets == sockets
    anyone = egress({"ports": [{"port": "http"}]}, members={EVERY_POD.key: members[KEY]})
    assert anyone == (Rule(None, (Ports("TCP", sockets=sockets),)),)


def test_groups_that_a_policy_names():
    both = {"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {}}
    named = policy(ingress=[{"from": [FRIENDS, {"ipBlock": {"cidr": "10.0.0.0/8"}}]}], egress=[{"to": [both, FRIENDS]}])
    assert set(groups(named)) == {KEY, Group({"matchLabels": {"team": "a"}}, {}).key}
    assert not uses_named_ports(named)
    out = policy(egress=[{"ports": [{"port": "http"}]}])
    assert set(groups(out)) == {EVERY_POD.key} and uses_named_ports(out)


def test_whom_a_group_means():
    own, named = Group(None, {"matchLabels": {"a": "1"}}), Group({"matchLabels": {"team": "x"}}, {})
    assert own.matches(own=True, namespace={}, pod={"a": "1"})
    assert not own.matches(own=False, namespace={}, pod={"a": "1"})
    assert named.matches(own=False, namespace={"team": "x"}, pod=None)
    assert not named.matches(own=True, namespace=None, pod=None)


GOLDEN = """\
*mangle
:I:x/p - [0:0]
:O:x/out - [0:0]
:WHERRY-DENIED - [0:0]
:WHERRY-EGRESS - [0:0]
:WHERRY-INGRESS - [0:0]
:WHERRY-POLICY - [0:0]
-A I:x/p -m set --match-set I:x/p:0 src -p tcp --dport 80 -j ACCEPT
-A I:x/p -m set --match-set I:x/p:0 src -m set --match-set I:x/p:0.1 dst,dst -j ACCEPT
-A I:x/p -p sctp --dport 5000:5010 -j ACCEPT
-A O:x/out -m set --match-set O:x/out:0 dst -j WHERRY-INGRESS
-A WHERRY-DENIED -s 10.42.0.2/32 -d 10.42.0.2/32 -j ACCEPT
-A WHERRY-DENIED -j DROP
-A WHERRY-EGRESS -m set --match-set O:x/out src -j O:x/out
-A WHERRY-EGRESS -j WHERRY-DENIED
-A WHERRY-INGRESS -m set ! --match-set WHERRY-INGRESS dst -j ACCEPT
-A WHERRY-INGRESS -m set --match-set I:x/p dst -j I:x/p
-A WHERRY-INGRESS -j WHERRY-DENIED
-A WHERRY-POLICY -m conntrack --ctdir REPLY -j RETURN
-A WHERRY-POLICY -m conntrack --ctstate RELATED -j RETURN
-A WHERRY-POLICY -m set --match-set WHERRY-EGRESS src -j WHERRY-EGRESS
-A WHERRY-POLICY -m set --match-set WHERRY-INGRESS dst -j WHERRY-INGRESS
COMMIT
"""


def test_golden_text():
    sctp = {"protocol": "SCTP", "port": 5000, "endPort": 5010}
    rules = [{"from": [FRIENDS], "ports": [{"port": 80}, {"port": "http"}]}, {"ports": [sctp]}]
    out = policy("out", policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}])
    members = {KEY: [Member("10.42.1.7")]}
    rendered = render([resolve(one, [WEB], members) for one in (policy(ingress=rules), out)])
    assert text_of(rendered.ruleset()) == GOLDEN
    assert {name: sorted(one.members) for name, one in rendered.sets.items()} == {
        "I:x/p": ["10.42.0.2"],
        "I:x/p:0": ["10.42.1.7"],
        "I:x/p:0.1": ["10.42.0.2,tcp:8080"],
        "O:x/out": ["10.42.0.2"],
        "O:x/out:0": ["0.0.0.0/1", "128.0.0.0/1"],
        "WHERRY-EGRESS": ["10.42.0.2"],
        "WHERRY-INGRESS": ["10.42.0.2"],
    }


def test_nothing_costs_nothing():
    assert render([]).ruleset() == {"mangle": {"WHERRY-POLICY": ()}} and not render([]).sets


def test_names_at_the_limit_fit_the_kernel():
    long = policy("p" * 253, ingress=[{"from": [FRIENDS]}])
    rendered = render([resolve(long, [WEB], {KEY: [Member("10.42.1.7")]})])
    assert all(len(name) <= 28 for name in rendered.chains) and all(len(name) <= 31 for name in rendered.sets)


def test_sets_are_brought_up_to_date_and_taken_away():
    have = {"I:a": Set("hash:ip", frozenset(("1", "2"))), "I:old": Set("hash:ip", frozenset())}
    want = {"I:a": Set("hash:ip", frozenset(("2", "3"))), "I:b": Set("hash:net", frozenset(("4",)))}
    assert plan(have, want) == ("add I:a 3\ndel I:a 1\ncreate I:b hash:net family inet maxelem 1048576\nadd I:b 4\n")
    assert plan_removal(have, want) == "destroy I:old\n"
    assert plan(want, want) == "" == plan_removal(want, want)


def test_what_ipset_prints():
    text = "create I:a hash:ip family inet hashsize 1024\nadd I:a 10.0.0.1\ncreate theirs hash:ip family inet\nadd theirs 1\n"
    assert parse_save(text) == {"I:a": Set("hash:ip", frozenset(("10.0.0.1",)))}


@pytest.mark.parametrize(
    ("spec", "status", "found"),
    [
        ({}, {"podIP": "10.42.0.9"}, Pod("x", {}, "10.42.0.9")),
        ({}, {"podIP": "fd00::1", "podIPs": [{"ip": "fd00::1"}, {"ip": "10.42.0.9"}]}, Pod("x", {}, "10.42.0.9")),
        ({"hostNetwork": True}, {"podIP": "10.42.0.9"}, None),
        ({}, {"podIP": "10.42.0.9", "phase": "Succeeded"}, None),
        ({}, {}, None),
    ],
)
def test_pods(spec, status, found):
    assert pod_of({"metadata": {"namespace": "x", "name": "p"}, "spec": spec, "status": status}) == found


def test_members_of_a_slice():
    piece = {"endpoints": [{"addresses": ["10.42.1.7"]}], "ports": [{"name": "http", "port": 81}]}
    assert members_of(piece) == [Member("10.42.1.7", (("http", "TCP", 81),))]
