"""Nodes asked at once, by the first way that opens; their findings beside the cluster's."""

import threading

import pytest

from master.diagnosing.nodes import ask, together
from master.diagnosing.ways import Node, heard, words
from master.doctoring import brief, node_of, told
from probes.doctor import Options
from probes.findings import Finding, Level, as_json, from_json, trouble, well
from provisioning.transport import LinkError, Outcome

ONE, TWO = Node("one", "127.0.0.1", port=1), Node("two", "127.0.0.1", port=1)
"""Nobody listens there."""


def said(node, *rows):
    return from_json(as_json(rows), node.name)


def shut(_node):
    raise LinkError("shut")


def test_the_first_way_that_opens_is_taken():
    asked = ask([ONE], [shut, lambda node: said(node, well("disk", "fine")), shut])
    assert [(row.where, row.check) for row in asked] == [("one", "disk")]


def test_nodes_are_asked_at_once():
    both = threading.Barrier(2, timeout=10)

    def waits(node):
        both.wait()
        return said(node, well("disk", "fine"))

    assert [row.where for row in ask([ONE, TWO], [waits])] == ["one", "two"]


def test_a_node_that_lets_nobody_in_is_looked_at_from_outside():
    found = ask([ONE, TWO], [lambda node: shut(node) if node is ONE else said(node, well("disk", "fine"))])
    assert [(row.where, row.check, row.level) for row in found] == [
        ("one", "agent", Level.TROUBLE),
        ("one", "doctor", Level.UNSURE),
        ("two", "disk", Level.WELL),
    ]
    assert "refused" in found[0].evidence


def test_what_the_api_says_of_a_node_goes_under_the_nodes_own_cause():
    cluster = [
        Finding("lease", Level.TROUBLE, "silent", where="one"),
        Finding("lease", Level.TROUBLE, "x", where="two"),
    ]
    found = together(cluster, said(ONE, trouble("disk", "full", "empty it")))
    assert [(row.where, row.check, row.cause) for row in found] == [
        ("one", "disk", ""),
        ("one", "lease", "disk"),
        ("two", "lease", ""),
    ]


def test_nothing_is_told_twice():
    assert len(together([Finding("node", Level.WELL, "Ready", where="one")], said(ONE, well("node", "Ready")))) == 1


def test_as_text_what_is_well_on_a_node_is_one_line():
    rows = [*said(ONE, well("disk", "x"), well("clock", "y")), *said(TWO, trouble("disk", "full", "empty it"))]
    assert told(rows).splitlines() == ["✗ two: disk: full", "    fix: empty it", "✓ one: 2 checks are well"]
    assert len(list(brief(rows))) == 2


@pytest.mark.parametrize("answer", ["", "Traceback", "[1]", '{"a": 1}'])
def test_an_answer_that_is_no_finding_opens_the_next_way(answer):
    class Broken:
        def run(self, _argv, **_options):
            return Outcome(1, answer, "no such file\n")

    with pytest.raises(LinkError, match="ended with 1"):
        heard(Broken(), ("doctor",), ONE)


def test_a_nodes_doctor_is_given_what_was_asked_for():
    assert words(Options(only=("disk", "board"), skip=("clock",))) == [
        *("--json", "--only", "disk", "--only", "board", "--skip", "clock")
    ]


def test_a_nodes_address_and_key():
    node = {"metadata": {"name": "one"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.7"}]}}
    node["status"]["daemonEndpoints"] = {"kubeletEndpoint": {"Port": 10251}}
    assert node_of(node, {"one": "ssh-ed25519 AAAA"}) == Node("one", "10.0.0.7", "ssh-ed25519 AAAA", 10251)
    assert node_of({"metadata": {"name": "two"}}, {}) == Node("two", "two")
