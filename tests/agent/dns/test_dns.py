"""Names of the cluster and their answers on the wire, parsed back by dnslib."""

import pytest
from dnslib import EDNS0, QTYPE, RR, DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from agent.dns.answers import Answers, MalformedQueryError, parse, respond
from agent.dns.forwarding import lifetime, resolvers
from agent.dns.names import build
from agent.dns.running import Server
from agent.dns.tables import TableError, load, publish
from agent.services import Endpoint, Port, Service

PORTS = (("http", "TCP", 8080),)
SERVICES = [
    Service("default", "web", cluster_ips=("10.43.1.2",), ports=(Port("http", "TCP", 80),)),
    Service("default", "six", cluster_ips=("fd00::5",)),
    Service(
        "prod",
        "db",
        headless=True,
        endpoints=(
            Endpoint("10.42.0.5", PORTS, hostname="db-0"),
            Endpoint("10.42.0.6", PORTS),
            Endpoint("10.42.0.7", PORTS, ready=False),
        ),
    ),
    Service("default", "out", type="ExternalName", external_name="example.org"),
    Service("default", "near", type="ExternalName", external_name="web.default.svc.cluster.local"),
    Service("default", "round", type="ExternalName", external_name="round.default.svc.cluster.local"),
]
ANSWERS = Answers(build(SERVICES, "cluster.local"))


def ask(name, kind="A", answers=ANSWERS):
    question = parse(DNSRecord.question(name, kind).pack())
    reply = DNSRecord.parse(respond(question, answers.answer(question.name, question.type)))
    return reply.header.rcode, sorted((str(rr.rname), str(rr.rdata)) for rr in reply.rr), reply


class Resolvers:
    """A forwarder that knows one name."""

    async def ask(self, question, packet, *, udp):
        query = DNSRecord.parse(packet)
        assert str(query.q.qname) == "example.org."
        return query.replyZone("example.org. 60 A 192.0.2.1").pack()


async def test_an_external_name_comes_with_its_addresses(tmp_path):
    server = Server("cluster.local", tmp_path / "table", Resolvers())
    server.answers = ANSWERS
    query = DNSRecord.question("out.default.svc.cluster.local", "A").pack()
    assert server.quick(query) is None
    reply = DNSRecord.parse(await server.answer(query, udp=True))
    assert [str(rr.rdata) for rr in reply.rr] == ["example.org.", "192.0.2.1"]


def test_an_alias_of_itself_ends():
    assert len(ask("round.default.svc.cluster.local")[1]) < 20


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "data"),
    [
        ("web.default.svc.cluster.local", "A", 0, ["10.43.1.2"]),
        ("WEB.Default.svc.cluster.LOCAL", "A", 0, ["10.43.1.2"]),
        ("web.default.svc.cluster.local", "AAAA", 0, []),
        ("six.default.svc.cluster.local", "AAAA", 0, ["fd00::5"]),
        ("db.prod.svc.cluster.local", "A", 0, ["10.42.0.5", "10.42.0.6"]),
        ("db-0.db.prod.svc.cluster.local", "A", 0, ["10.42.0.5"]),
        ("_http._tcp.web.default.svc.cluster.local", "SRV", 0, ["0 100 80 web.default.svc.cluster.local."]),
        ("out.default.svc.cluster.local", "A", 0, ["example.org."]),
        ("near.default.svc.cluster.local", "A", 0, ["web.default.svc.cluster.local.", "10.43.1.2"]),
        ("near.default.svc.cluster.local", "CNAME", 0, ["web.default.svc.cluster.local."]),
        ("near.default.svc.cluster.local", "AAAA", 0, ["web.default.svc.cluster.local."]),
        ("6.0.42.10.in-addr.arpa", "PTR", 0, ["10-42-0-6.db.prod.svc.cluster.local."]),
        ("2.1.43.10.in-addr.arpa", "PTR", 0, ["web.default.svc.cluster.local."]),
        ("10-42-0-9.default.pod.cluster.local", "A", 0, ["10.42.0.9"]),
        ("dns-version.cluster.local", "TXT", 0, ['"1.1.0"']),
        ("default.svc.cluster.local", "A", 0, []),
        ("nope.default.svc.cluster.local", "A", 3, []),
        ("not-an-address.default.pod.cluster.local", "A", 3, []),
    ],
)
def test_answers(name, kind, rcode, data):
    got_rcode, records, reply = ask(name, kind)
    assert got_rcode == rcode
    assert [text for _, text in records] == data
    if not data:
        assert str(reply.auth[0].rdata).startswith("ns.dns.cluster.local.")


def test_the_question_keeps_its_case():
    assert str(ask("WeB.default.svc.cluster.local")[2].q.qname) == "WeB.default.svc.cluster.local."


@pytest.mark.parametrize(
    ("name", "outside"),
    [("example.org.", True), ("web.default.svc.cluster.local.", False), ("9.9.9.9.in-addr.arpa.", True)],
)
def test_what_is_forwarded(name, outside):
    assert ANSWERS.outside(name) is outside


def test_an_answer_too_long_for_udp_is_truncated_unless_the_client_takes_more():
    many = tuple(Endpoint(f"10.42.0.{i}", PORTS) for i in range(1, 100))
    answers = Answers(build([Service("d", "many", headless=True, endpoints=many)], "cluster.local"))
    assert ask("many.d.svc.cluster.local", answers=answers)[2].header.tc == 1
    query = DNSRecord.question("many.d.svc.cluster.local")
    query.add_ar(EDNS0(udp_len=4096))
    question = parse(query.pack())
    assert len(DNSRecord.parse(respond(question, answers.answer(question.name, 1))).rr) == 99


def test_an_extended_question_has_an_extended_answer():
    query = DNSRecord.question("web.default.svc.cluster.local")
    query.add_ar(EDNS0(udp_len=1232))
    question = parse(query.pack())
    reply = DNSRecord.parse(respond(question, ANSWERS.answer(question.name, 1)))
    assert [rr.rtype for rr in reply.ar] == [QTYPE.OPT] and str(reply.rr[0].rdata) == "10.43.1.2"
    assert not ask("web.default.svc.cluster.local")[2].ar


@given(st.binary(max_size=80))
def test_any_bytes_are_a_question_or_malformed(packet):
    try:
        question = parse(packet)
    except MalformedQueryError:
        return
    assert question.name.endswith(".")


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        pytest.param(["nameserver 192.0.2.1\n"], ["192.0.2.1"], id="plain"),
        pytest.param(
            ["nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n"], ["192.0.2.1"], id="systemd-resolved's stub"
        ),
        pytest.param(["nameserver 10.43.0.10\nnameserver bad\n"], [], id="our own address would be a loop"),
        pytest.param([""], [], id="none"),
    ],
)
def test_resolvers(texts, found):
    assert resolvers(texts, own=("10.43.0.10",)) == found


def test_how_long_an_answer_is_kept():
    query = DNSRecord.question("example.org")
    reply = query.reply()
    reply.add_answer(*RR.fromZone("example.org 30 A 192.0.2.1"))
    assert lifetime(reply.pack()) == 30
    assert lifetime(b"rubbish") == 0


@pytest.mark.parametrize(
    ("zone", "seconds"), [("", 5), (". 60 SOA a. b. 1 2 3 4 20", 20), (". 900 SOA a. b. 1 2 3 4 900", 30)]
)
def test_how_long_it_is_remembered_that_a_name_does_not_exist(zone, seconds):
    reply = DNSRecord.question("example.org").reply()
    reply.header.rcode = 3
    for record in RR.fromZone(zone):
        reply.add_auth(record)
    assert lifetime(reply.pack()) == seconds


def test_the_table_survives_the_file(tmp_path):
    publish(tmp_path / "services.json", SERVICES)
    assert load(tmp_path / "services.json") == SERVICES


def test_a_damaged_table_is_named(tmp_path):
    (tmp_path / "services.json").write_text("[{")
    with pytest.raises(TableError, match=r"services\.json"):
        load(tmp_path / "services.json")
