"""Services on a real kernel: packets through a cluster address, a node port, back to oneself, and after a flush."""

import contextlib
import subprocess
import sys
import time

import pytest

from agent.network.running import turn_on_switches
from agent.proxy.kernel import Backend, Iptables, KernelError
from agent.proxy.restoring import removal
from agent.proxy.rules import SHARE, Place
from agent.proxy.running import Proxy
from agent.services import SERVICE_LABEL, ServiceTable
from tests.system.network.namespaces import inside, run


def service(name="web", address="10.43.0.5", port=80, **spec):
    ports = [
        {"name": "http", "port": port, "protocol": "TCP"}
        | ({"nodePort": 30080} if spec.get("type") == "NodePort" else {})
    ]
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"clusterIP": address, "clusterIPs": [address], "ports": ports} | spec,
    }


def piece(addresses, name="web"):
    return {
        "metadata": {"namespace": "default", "name": f"{name}-1", "labels": {SERVICE_LABEL: name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
        "endpoints": [{"addresses": [a], "nodeName": "n1", "conditions": {"ready": True}} for a in addresses],
    }


@pytest.fixture(params=list(Backend))
def proxy(request, node):
    made = Proxy(ServiceTable(), Iptables(request.param), Place("n1", "10.42.0.0/16", "10.43.0.0/16"), time.monotonic)
    inside(node, _switches)
    yield made

    async def clean():
        await made.kernel.restore(removal(await made.kernel.save(SHARE.tables), SHARE))
        assert "WHERRY" not in await made.kernel.save(SHARE.tables)

    inside(node, clean)


async def _switches():
    turn_on_switches()


def program(node, proxy, *changes):
    for keys in changes:
        proxy.changed(keys)
    inside(node, proxy.sync)


def fetch(node, pod, url):
    return node.pod(pod, "curl", "-sS", "--max-time", "5", url)


def test_a_cluster_address_reaches_every_endpoint_and_keeps_the_source(node, proxy):
    table = proxy.table
    program(
        node,
        proxy,
        table.apply_service("ADDED", service()),
        table.apply_slice("ADDED", piece(["10.42.0.2", "10.42.0.3"])),
    )
    answers = {fetch(node, "a", "http://10.43.0.5/") for _ in range(40)}
    assert "pod-b 10.42.0.2" in answers
    assert any(answer.startswith("pod-a ") for answer in answers), "a pod reaches itself through its Service"


def test_node_port_and_no_endpoint(node, proxy):
    table = proxy.table
    program(
        node,
        proxy,
        table.apply_service("ADDED", service(type="NodePort")),
        table.apply_slice("ADDED", piece(["10.42.0.3"])),
    )
    assert fetch(node, "a", "http://10.42.0.1:30080/").startswith("pod-b ")
    program(node, proxy, table.apply_slice("MODIFIED", piece([])))
    started = time.monotonic()
    with pytest.raises(Exception, match="exit status 7"):
        fetch(node, "a", "http://10.43.0.5/")
    assert time.monotonic() - started < 4, "refused at once, not dropped"


def test_a_client_that_is_earlier_than_the_rules_is_answered_all_the_same(node, proxy):
    """Neither a refusal nor "Network is unreachable": the first packet is lost, its repetition is not."""
    node.exec("ip", "route", "replace", "10.43.0.0/16", "dev", "lo")
    program(node, proxy, set())
    fetch_early = ("curl", "-sS", "--max-time", "20", "http://10.43.0.5/")
    with contextlib.ExitStack() as undo:
        clients = []
        for name in (node.name, f"{node.name}-a"):
            words = ["ip", "netns", "exec", name, *fetch_early]
            clients.append(undo.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True)))
        for name in (node.name, f"{node.name}-a"):
            await_connecting(name)
        table = proxy.table
        program(node, proxy, table.apply_service("ADDED", service()), table.apply_slice("ADDED", piece(["10.42.0.3"])))
        assert [client.communicate(timeout=25)[0].split()[0] for client in clients] == ["pod-b", "pod-b"]


UDP_SERVER = """\
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 8080))
print("up", flush=True)
while True:
    s.sendto(sys.argv[1].encode(), s.recvfrom(10)[1])
"""
UDP_CLIENT = """\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 5555))
s.settimeout(10)
s.sendto(b"x", ("10.43.0.5", 80))
print(s.recv(100).decode())
"""


def test_a_client_of_datagrams_is_led_away_from_a_backend_that_is_gone(node, proxy):
    """The same socket asks again, so that the kernel would remember whom it asked before."""

    made = service()
    made["spec"]["ports"][0]["protocol"] = "UDP"
    pieces = {pod: piece([address]) for pod, address in (("a", "10.42.0.2"), ("b", "10.42.0.3"))}
    for one in pieces.values():
        one["ports"][0]["protocol"] = "UDP"
    with contextlib.ExitStack() as undo:
        for pod in pieces:
            words = ["ip", "netns", "exec", f"{node.name}-{pod}", sys.executable, "-c", UDP_SERVER, pod]
            server = undo.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
            undo.callback(server.terminate)
            assert server.stdout.readline() == "up\n"
        table = proxy.table
        program(node, proxy, table.apply_service("ADDED", made), table.apply_slice("ADDED", pieces["a"]))
        assert node.exec(sys.executable, "-c", UDP_CLIENT) == "a\n"
        program(node, proxy, table.apply_slice("MODIFIED", pieces["b"]))
        assert node.exec(sys.executable, "-c", UDP_CLIENT) == "b\n"


def await_connecting(name):
    """Until a client in the namespace waits for the answer to its first packet."""
    deadline = time.monotonic() + 10
    while "10.43.0.5:80" not in run("ip", "netns", "exec", name, "ss", "-tn", "state", "syn-sent"):
        assert time.monotonic() < deadline, "no client is connecting"


def test_flushed_tables_are_noticed_and_mended(node, proxy):
    table = proxy.table
    program(node, proxy, table.apply_service("ADDED", service()), table.apply_slice("ADDED", piece(["10.42.0.3"])))
    node.exec(f"iptables-{proxy.kernel.backend}", "-t", "nat", "-F")
    node.exec(f"iptables-{proxy.kernel.backend}", "-t", "nat", "-X")
    said = []
    proxy.say = lambda *words: said.append(words)
    assert inside(node, proxy._lost)
    assert [reason for _, reason, _ in said] == ["ServiceRulesLost"]
    inside(node, proxy.sync)
    assert fetch(node, "a", "http://10.43.0.5/") == "pod-b 10.42.0.2"


def test_one_flushed_chain_is_noticed(node, proxy):
    table = proxy.table
    program(node, proxy, table.apply_service("ADDED", service()), table.apply_slice("ADDED", piece(["10.42.0.3"])))
    assert not inside(node, proxy.tables.lost)
    node.exec(f"iptables-{proxy.kernel.backend}", "-t", "nat", "-F", "WHERRY-SERVICES")
    assert inside(node, proxy.tables.lost)


def test_a_service_the_kernel_refuses_does_not_stop_the_others(node, proxy):
    table = proxy.table
    bad = service("bad", "10.43.0.6", port=99999)
    program(
        node,
        proxy,
        table.apply_service("ADDED", bad),
        table.apply_slice("ADDED", piece(["10.42.0.3"], "bad")),
        table.apply_service("ADDED", service()),
        table.apply_slice("ADDED", piece(["10.42.0.3"])),
    )
    assert fetch(node, "a", "http://10.43.0.5/") == "pod-b 10.42.0.2"
    assert list(proxy.refused) == [("default", "bad")]


def test_a_refusal_names_the_line(node, proxy):
    async def restore():
        with contextlib.suppress(AssertionError):
            await proxy.kernel.restore("*nat\n:WHERRY-X - [0:0]\n-A WHERRY-X -j NOWHERE-AT-ALL\nCOMMIT\n")

    with pytest.raises(KernelError, match=r"NOWHERE-AT-ALL|COMMIT"):
        inside(node, restore)
