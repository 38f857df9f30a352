"""CNI text, routes to the other nodes, and the kernel's switches."""

import json

import pytest

from agent.network.cni import configuration
from agent.network.routes import Peer, parse_routes, peers, plan, wanted
from agent.network.running import SWITCHES, NetworkError, turn_on_switches, write_if_changed


def node(name, cidr="10.42.1.0/24", address="10.99.0.3"):
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": cidr} if cidr else {},
        "status": {"addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": address}]},
    }


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        pytest.param([node("me"), node("a")], {Peer("10.42.1.0/24", "10.99.0.3")}, id="never itself"),
        pytest.param([node("a", cidr="")], set(), id="no range yet"),
        pytest.param([node("a", address="fd00::3")], set(), id="no IPv4 address"),
        pytest.param([node("a", cidr="rubbish")], set(), id="a node that lies"),
    ],
)
def test_peers(nodes, found):
    assert peers(nodes, "me") == found


@pytest.mark.parametrize(
    ("want", "kernel", "lines"),
    [
        pytest.param({"a": "1"}, {"a": "1"}, [], id="nothing to do"),
        pytest.param({"a": "1"}, {}, ["route replace a via 1 proto 87"], id="new"),
        pytest.param({"a": "2"}, {"a": "1"}, ["route replace a via 2 proto 87"], id="address changed"),
        pytest.param({}, {"a": "1"}, ["route del a proto 87"], id="node left"),
        pytest.param({"s": ""}, {}, ["route replace s dev lo proto 87"], id="Services without a default route"),
    ],
)
def test_plan(want, kernel, lines):
    assert plan(want, kernel) == lines


def test_services_need_a_route_where_there_is_no_default():
    peer = Peer("10.42.1.0/24", "10.99.0.3")
    assert wanted([peer], "10.43.0.0/16", default=True) == {"10.42.1.0/24": "10.99.0.3"}
    assert wanted([peer], "10.43.0.0/16", default=False)["10.43.0.0/16"] == ""


def test_parse_routes():
    assert parse_routes('[{"dst":"10.42.1.0/24","gateway":"10.99.0.3","dev":"eth0"}]') == {"10.42.1.0/24": "10.99.0.3"}
    assert parse_routes("") == {}


def test_cni_configuration():
    bridge, ports = json.loads(configuration("10.42.3.0/24", mtu=1400))["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.42.3.0/24"}]] and bridge["mtu"] == 1400
    assert bridge["hairpinMode"] and not bridge["ipMasq"] and ports["type"] == "portmap"


def test_switches_are_turned_on_and_a_missing_one_names_its_module(tmp_path):
    for name in SWITCHES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("0\n")
    turn_on_switches(tmp_path)
    assert all((tmp_path / name).read_text() == "1" for name in SWITCHES)
    (tmp_path / "net/bridge/bridge-nf-call-iptables").unlink()
    with pytest.raises(NetworkError, match="br_netfilter"):
        turn_on_switches(tmp_path)


def test_a_file_is_written_only_when_it_differs(tmp_path):
    path = tmp_path / "net.d" / "10-wherry.conflist"
    write_if_changed(path, "a")
    stamp = path.stat().st_mtime_ns
    write_if_changed(path, "a")
    assert path.stat().st_mtime_ns == stamp and list(path.parent.iterdir()) == [path]
