"""What is taken out of a machine's kernel: our chains, and the port mapping plugin's once no pod has a port any more."""

from __future__ import annotations

from pathlib import Path

from agent.cleaning import plugin_removal, shims
from agent.policy.rules import SHARE as POLICIES
from agent.proxy.restoring import removal
from agent.proxy.rules import SHARE as PROXY

LEFT = """\
*filter
:INPUT ACCEPT [0:0]
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-HOSTPORT-SETMARK - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
COMMIT
"""

REMOVAL = """\
*nat
-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-D OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-D POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
-F CNI-HOSTPORT-DNAT
-F CNI-HOSTPORT-MASQ
-F CNI-HOSTPORT-SETMARK
-X CNI-HOSTPORT-DNAT
-X CNI-HOSTPORT-MASQ
-X CNI-HOSTPORT-SETMARK
COMMIT
"""


def test_its_chains_and_the_jumps_to_them_go() -> None:
    assert plugin_removal(LEFT) == REMOVAL


def test_nothing_goes_while_a_pod_has_a_port() -> None:
    assert (
        plugin_removal(LEFT.replace("COMMIT\n*nat", "COMMIT\n*nat\n-A CNI-HOSTPORT-DNAT -p tcp -j CNI-DN-1f0e")) == ""
    )


def test_where_it_never_was_nothing_is_done() -> None:
    assert plugin_removal("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n") == ""


def test_only_the_shims_of_this_containerd_are_meant(tmp_path: Path) -> None:
    for pid, line in {
        "7": "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id a -address /run/a.sock ",
        "8": "/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id b -address /run/a.sock.other ",
        "9": "/usr/bin/containerd --address /run/a.sock ",
        "self": "x",
    }.items():
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "cmdline").write_text(line.replace(" ", "\0"))
    assert shims("/run/a.sock", tmp_path) == [7]


def test_each_share_is_taken_out_of_its_own_tables_jumps_first() -> None:
    text = """*mangle
:FORWARD ACCEPT [0:0]
:WHERRY-POLICY - [0:0]
-A FORWARD -j WHERRY-POLICY
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:WHERRY-SERVICES - [0:0]
-A PREROUTING -j WHERRY-SERVICES
COMMIT
"""
    policies = "*mangle\n:WHERRY-POLICY - [0:0]\n-D FORWARD -j WHERRY-POLICY\n-X WHERRY-POLICY\nCOMMIT\n"
    services = "*nat\n:WHERRY-SERVICES - [0:0]\n-D PREROUTING -j WHERRY-SERVICES\n-X WHERRY-SERVICES\nCOMMIT\n"
    assert removal(text, POLICIES) == policies
    assert removal(text, PROXY) == services
