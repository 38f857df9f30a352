"""How findings are run, ranked, told and mended."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from probes import bolt, certificates, doctor, mending
from probes.checking import Check, examine, reach
from probes.checks import firewall, storage
from probes.findings import Level, as_json, as_text, exit_code, from_json, ranked, trouble, unsure, well
from probes.looking import CouldNotLook, Here
from tests.probes.machines import certificate, healthy, metadata


def test_a_hanging_command_costs_its_time_limit_only():
    with pytest.raises(CouldNotLook, match="did not answer"):
        Here().run(("sh", "-c", "sleep 30 & wait"), seconds=0.1)


@pytest.mark.parametrize("argv", [("no-such-program",), ("false",), ("/etc/passwd",)])
def test_a_command_that_fails_is_could_not_look(argv):
    with pytest.raises(CouldNotLook):
        Here().run(argv)


def test_a_check_that_hangs_costs_its_own_verdict_only():
    def hangs(_look):
        time.sleep(5)

    checks = {"a": Check("x", hangs), "b": Check("x", lambda _look: well("b", "fine"))}
    assert [(row.check, row.level) for row in examine(Here(), checks, 1)] == [("a", Level.UNSURE), ("b", Level.WELL)]


def test_what_is_explained_reaches_through_others():
    checks = {"a": Check("x", healthy, ("b",)), "b": Check("x", healthy, ("c", "a")), "c": Check("x", healthy)}
    assert reach("a", checks) == {"b", "c"}


@pytest.mark.parametrize(
    ("findings", "code"),
    [([well("a", "x")], 0), ([well("a", "x"), unsure("b", "y")], 2), ([unsure("b", "y"), trouble("c", "z", "f")], 1)],
)
def test_exit_codes(findings, code):
    assert exit_code(findings) == code


def test_troubles_are_told_first_with_their_particulars():
    findings = [well("a", "fine"), trouble("b", "bad", "mend it", breaks="all", evidence="x = 0", undo="unmend it")]
    told = ["✗ b: bad", "    seen: x = 0", "    breaks: all", "    fix: mend it", "    undo: unmend it", "✓ a: fine"]
    assert as_text(findings).splitlines() == told
    assert [row["level"] for row in json.loads(as_json(findings))] == ["trouble", "well"]


def test_findings_come_back_from_json():
    findings = [trouble("b", "bad", "mend it", safe=True), unsure("c", "no"), well("a", "fine")]
    assert from_json(as_json(findings)) == findings
    with pytest.raises(ValueError):
        from_json('[{"check": 1}]')


def test_only_safe_causes_are_mended_and_only_when_agreed():
    findings = [trouble("a", "x", "fix-a", safe=True, undo="undo-a"), trouble("b", "y", "fix-b")]
    done, said = [], []
    assert mending.mend(findings, lambda _question: True, said.append, lambda row: done.append(row.fix) or "") == 1
    assert (done, said) == (["fix-a"], ["a: done; to undo: undo-a"])
    assert mending.mend(findings, lambda _question: False, said.append, lambda row: "never") == 0


def test_a_fix_that_fails_says_why():
    assert mending.apply(trouble("a", "x", "echo no such thing >&2; false")) == "no such thing"
    assert mending.apply(trouble("a", "x", "true")) == ""


def test_one_file_runs_on_a_bare_python(tmp_path: Path):
    doctor.pack(tmp_path / "doctor.pyz")
    words = [sys.executable, "-I", "-S", tmp_path / "doctor.pyz", "--json", "--only", "memory", "--only", "files"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert [row["check"] for row in json.loads(done.stdout)] == ["memory", "files"], done.stderr


def test_groups_and_checks_are_chosen_by_name():
    assert set(doctor.chosen(doctor.Options(only=("runtime", "disk"), skip=("pause-image",)))) == {
        "containerd-metadata", "containerd-settings", "containerd", "image-platform", "disk"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "problem"), [(4 * 4096, ""), (0, "is empty"), (9000, "is cut off"), (20, "has no valid meta page")]
)
def test_metadata_is_judged_by_its_pages(size, problem):
    data = metadata().encode("latin-1")[:size]
    assert problem in bolt.problem(data[: bolt.HEAD], size)
    assert bool(bolt.problem(data[: bolt.HEAD], size)) == bool(problem)


def test_a_certificate_is_read_without_a_library():
    read = certificates.read(certificate(9))
    assert (read.subject, read.issuer, read.not_after.day) == ("system:node:pi1", "wherry", 3)


@pytest.mark.parametrize(
    "text", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", certificate()[:300]]
)
def test_what_is_no_certificate_is_a_value_error(text):
    with pytest.raises(ValueError):
        certificates.read(text)


RULES = {
    "-A INPUT -p tcp -m tcp --dport 10250 -j DROP": "port 10250",
    "-A OUTPUT -p tcp -m multiport --dports 443,6443 -j REJECT --reject-with icmp-port-unreachable": "port 6443",
    "-A INPUT -p udp -m udp --dport 5000:6000 -j DROP": "port 5353",
    "-A OUTPUT -d 224.0.0.0/4 -j DROP": "multicast",
    "-A INPUT -m pkttype --pkt-type multicast -j DROP": "multicast",
    "-A FORWARD -j DROP": "pods",
    "-A FORWARD -i cni0 -j DROP": "pods",
    "-A FORWARD -s 10.42.0.0/16 -j REJECT": "pods",
    "-A INPUT -p tcp -m tcp --dport 8080 -j DROP": "",
    "-A INPUT -s 203.0.113.9/32 -j DROP": "",
    "-A INPUT -m conntrack --ctstate INVALID -j DROP": "",
    "-A f2b-sshd -s 203.0.113.9/32 -j REJECT": "",
}


@pytest.mark.parametrize("line", RULES)
def test_only_rules_that_drop_the_cluster_s_traffic_are_blamed(line):
    rules, _ = firewall.parse(f"*filter\n{line}\nCOMMIT\n")
    found = [what for _, what in firewall.harmful(rules, ("10.42.0.0/16", "10.43.0.0/16"))]
    assert (RULES[line] in found[0]) if RULES[line] else not found


@pytest.mark.parametrize(
    ("path", "mount"), [("/var/lib/wherry/x", "/var/lib/wherry"), ("/var/log", "/"), ("/run", "/run")]
)
def test_a_path_lies_on_its_longest_mount(path, mount):
    mounts = "/dev/a / ext4 rw 0 0\n/dev/b /var/lib/wherry ext4 ro 0 0\ntmpfs /run tmpfs rw 0 0\n"
    assert storage.mount_of(path, mounts)[1] == mount


def test_ranks_keep_symptoms_with_their_cause():
    rows = [well("w", ""), trouble("a", "", ""), trouble("b", "", "")]
    symptom = from_json(as_json([trouble("c", "", "")]))[0]
    symptom = type(symptom)("c", Level.TROUBLE, "", cause="a")
    assert [row.check for row in ranked([*rows, symptom])] == ["a", "c", "b", "w"]
