"""Static hosts, stub domains and upstream servers that an administrator adds."""

import json

from dnslib import RR, DNSRecord

from agent.dns.answers import parse
from agent.dns.forwarding import Forwarder
from agent.dns.running import Server
from agent.dns.settings import FILE, publish, read

DATA = {
    "hosts": "192.0.2.7 printer.lan Printer # upstairs\nrubbish here\n\n2001:db8::7 printer.lan\n",
    "stubDomains": '{"acme.local": ["192.0.2.1", "x"], "deep.acme.local.": ["192.0.2.2"]}',
    "upstreamNameservers": '["192.0.2.3"]',
}


def test_what_is_read():
    settings = read(DATA)
    assert settings.hosts == (
        ("192.0.2.7", ("printer.lan.", "printer.")),
        ("2001:db8::7", ("printer.lan.",)),
    )
    assert settings.stubs == {"acme.local.": ["192.0.2.1"], "deep.acme.local.": ["192.0.2.2"]}
    assert settings.upstreams == ("192.0.2.3",)


def test_what_cannot_be_read_is_left_out():
    settings = read({"stubDomains": "[", "upstreamNameservers": "{}", "hosts": "192.0.2.7 a"})
    assert (settings.hosts, settings.stubs, settings.upstreams) == ((("192.0.2.7", ("a.",)),), {}, ())


class Asked(Forwarder):
    """Remembers whom it asked; everybody answers the same."""

    async def _ask(self, server, packet, *, udp):
        self.asked = server
        reply = DNSRecord.parse(packet).reply()
        reply.add_answer(*RR.fromZone(f"{reply.q.qname} 60 A 192.0.2.9"))
        return reply.pack()


async def test_the_file_changes_the_answers(tmp_path):
    forwarder = Asked(["198.51.100.1"], lambda: 0.0)
    server = Server("cluster.local", tmp_path / "services.json", forwarder)
    server.look()
    publish(tmp_path / FILE, DATA)
    server.look()
    server.use(["198.51.100.1"])
    assert forwarder.servers == ["192.0.2.3"]
    reply = DNSRecord.parse(await server.answer(DNSRecord.question("printer.lan").pack(), udp=True))
    assert [str(rr.rdata) for rr in reply.rr] == ["192.0.2.7"]
    for name, asked in (
        ("a.acme.local", "192.0.2.1"),
        ("a.deep.acme.local", "192.0.2.2"),
        ("acme.localx", "192.0.2.3"),
    ):
        packet = DNSRecord.question(name).pack()
        assert await forwarder.ask(parse(packet), packet, udp=True)
        assert forwarder.asked == asked
    publish(tmp_path / FILE, {})
    server.look()
    server.use(["198.51.100.1"])
    assert forwarder.servers == ["198.51.100.1"] and not forwarder.stubs
    assert server.quick(DNSRecord.question("printer.lan").pack()) is None, "nobody's own name any more"


def test_a_damaged_file_leaves_the_answers(tmp_path):
    server = Server("cluster.local", tmp_path / "services.json", Asked([], lambda: 0.0))
    publish(tmp_path / FILE, DATA)
    server.look()
    (tmp_path / FILE).write_text(json.dumps(DATA)[:20])
    server.look()
    assert server.quick(DNSRecord.question("printer.lan").pack())
