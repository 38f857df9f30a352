"""What the audit policy lets through, and that the log's files turn over."""

import json

import pytest

from kube.settings import SettingsError
from master.api.audit_policy import Policy, Rule, read_policy
from master.api.auditing import Log
from master.api.contract import RequestInfo, UserInfo

ANN = UserInfo("ann", ("staff",))
PODS = RequestInfo("create", "", True, "", "v1", "pods", "", "a", "x")
LOGS = RequestInfo("get", "", True, "", "v1", "pods", "log", "a", "x")
DEPLOYMENTS = RequestInfo("list", "", True, "apps", "v1", "deployments", "", "a")
HEALTH = RequestInfo("get", "/healthz/ping")


def resources(group, *names, only=()):
    return ((group, frozenset(names), frozenset(only)),)


@pytest.mark.parametrize(
    "rule, info, fits",
    [
        ({}, PODS, True),
        ({}, HEALTH, True),
        ({"users": frozenset({"bob"})}, PODS, False),
        ({"groups": frozenset({"staff"})}, PODS, True),
        ({"verbs": frozenset({"get"})}, PODS, False),
        ({"namespaces": frozenset({"a"})}, PODS, True),
        ({"namespaces": frozenset({"b"})}, PODS, False),
        ({"resources": resources("", "pods")}, PODS, True),
        ({"resources": resources("", "pods")}, LOGS, False),
        ({"resources": resources("", "pods/log")}, LOGS, True),
        ({"resources": resources("", "pods/*")}, LOGS, True),
        ({"resources": resources("", "*")}, PODS, True),
        ({"resources": resources("", "pods")}, DEPLOYMENTS, False),
        ({"resources": resources("apps")}, DEPLOYMENTS, True),
        ({"resources": resources("", "pods", only=("y",))}, PODS, False),
        ({"resources": resources("", "pods")}, HEALTH, False),
        ({"paths": ("/healthz*",)}, HEALTH, True),
        ({"paths": ("/healthz*",)}, PODS, False),
    ],
)
def test_rules(rule, info, fits):
    assert Rule("Metadata", **rule).fits(ANN, info) is fits


def test_the_first_rule_decides_and_nothing_is_said_of_the_rest():
    policy = Policy(
        (Rule("Request", verbs=frozenset({"create"})), Rule("Metadata", verbs=frozenset({"create", "get"})))
    )
    assert [policy.rule(ANN, info).level for info in (PODS, LOGS, DEPLOYMENTS)] == ["Request", "Metadata", "None"]


def test_a_policy_is_read_as_upstream_writes_it(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n"
        "- level: None\n  users: [system:kube-proxy]\n- level: Request\n  resources: [{group: '', resources: [pods]}]\n"
    )
    policy = read_policy(path)
    assert [rule.level for rule in policy.rules] == ["None", "Request"]
    assert policy.rules[0].omitted == {"RequestReceived"}


@pytest.mark.parametrize(
    "text, said",
    [
        ("kind: Other", "not an audit.k8s.io/v1 Policy"),
        ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: All}]", "rules[0].level"),
        ("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None, who: x}]", "rules[0].who: no such field"),
    ],
)
def test_a_bad_policy_is_refused_by_name(tmp_path, text, said):
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said.replace("[", r"\[")):
        read_policy(path)


def test_a_full_file_is_put_aside(tmp_path):
    log = Log(tmp_path / "audit.log", limit=40, kept=2)
    for number in range(6):
        log.write({"number": number, "text": "x" * 10})
    log.close()
    found = {path.name: json.loads(path.read_text())["number"] for path in tmp_path.iterdir()}
    assert found == {"audit.log": 5, "audit.log.1": 4, "audit.log.2": 3}
