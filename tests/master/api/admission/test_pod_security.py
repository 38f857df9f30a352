"""PodSecurity against what kube-apiserver answered, and each check by itself."""

import copy

import pytest

from kube.errors import ApiError
from kube.kinds import kind_of
from master.api.admission.pod_security import PodSecurity
from master.api.admission.pod_security.levels import problems
from master.api.admission.pod_security.problems import Subject
from master.api.contract import Attributes, UserInfo
from master.api.defaults import apply_defaults

PREFIX = "pod-security.kubernetes.io/"


@pytest.fixture
def plugin(reader, make):
    for name, enforced in (("psb", "baseline"), ("psr", "restricted")):
        labels = {f"{PREFIX}enforce": enforced, f"{PREFIX}warn": "restricted"}
        reader.put(make("v1", "Namespace", name, metadata={"labels": labels}))
    return PodSecurity(reader)


async def asked(plugin, obj, namespace, old=None):
    """(message of the refusal or nothing, warnings)."""
    new, warnings = copy.deepcopy(obj), []
    apply_defaults(kind_of(new), new)
    name = new["metadata"]["name"]
    attributes = Attributes(
        "UPDATE" if old else "CREATE",
        kind_of(new),
        "",
        namespace,
        name,
        new,
        old,
        UserInfo("ann"),
        warn=warnings.append,
    )
    try:
        await plugin.validate(attributes)
    except ApiError as error:
        return error.message, warnings
    return "", warnings


async def test_the_recorded_answers(plugin, facts):
    for row in facts("admission"):
        if not row["name"].startswith(("baseline", "restricted")):
            continue
        message, warnings = await asked(plugin, row["body"], row["path"].split("/namespaces/")[1].split("/")[0])
        assert message == (row["answer"]["message"] if row["status"] == 403 else ""), row["name"]
        recorded = [
            text.removeprefix('299 - "').removesuffix('"').replace('\\"', '"') for text in row.get("warnings", [])
        ]
        if row["status"] < 400:
            assert warnings == recorded, row["name"]


def context(**fields):
    return {"containers": [{"name": "c", "securityContext": fields}]}


@pytest.mark.parametrize(
    ("level", "spec", "said"),
    [
        ("privileged", context(privileged=True), []),
        ("baseline", context(capabilities={"add": ["CHOWN"]}), []),
        ("baseline", {"hostPID": True, "hostIPC": True}, ["host namespaces (hostPID=true, hostIPC=true)"]),
        (
            "baseline",
            {"containers": [{"name": "a", "ports": [{"hostPort": 1}]}, {"name": "b", "ports": [{"hostPort": 2}]}]},
            ['hostPort (containers "a", "b" use hostPorts 1, 2)'],
        ),
        (
            "baseline",
            context(procMount="Unmasked"),
            ['procMount (container "c" must not set securityContext.procMount to "Unmasked")'],
        ),
        (
            "baseline",
            context(seLinuxOptions={"type": "spc_t", "user": "u"}),
            [
                'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)'
            ],
        ),
        (
            "baseline",
            context(appArmorProfile={"type": "Unconfined"}),
            ['forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")'],
        ),
        (
            "baseline",
            context(windowsOptions={"hostProcess": True}),
            ['hostProcess (container "c" must not set securityContext.windowsOptions.hostProcess=true)'],
        ),
        ("baseline", {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}]}}, []),
        (
            "baseline",
            {"initContainers": [{"name": "i", "securityContext": {"privileged": True}}]},
            ['privileged (container "i" must not set securityContext.privileged=true)'],
        ),
    ],
)
def test_a_check(level, spec, said):
    assert [str(problem) for problem in problems(level, Subject({}, spec))] == said


HARDENED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize(
    ("pod", "container", "said"),
    [
        ({"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}, {}, []),
        (
            {"runAsNonRoot": False, "seccompProfile": {"type": "Localhost"}},
            {},
            ["runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)"],
        ),
        (
            {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            {"runAsNonRoot": False},
            ['runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'],
        ),
        (
            {"runAsNonRoot": True, "seccompProfile": {"type": "Unconfined"}},
            {},
            ['seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'],
        ),
        (
            {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}},
            {"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}},
            ['unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)'],
        ),
    ],
)
def test_a_hardened_pod_and_what_spoils_it(pod, container, said):
    spec = {"securityContext": pod, "containers": [{"name": "c", "securityContext": HARDENED | container}]}
    assert [str(problem) for problem in problems("restricted", Subject({}, spec))] == said


async def test_an_update_that_leaves_the_containers_is_let_through(plugin, make):
    old = make("v1", "Pod", "psb/x", spec={"hostNetwork": True, "containers": [{"name": "c", "image": "i:1"}]})
    apply_defaults(kind_of(old), old)
    labelled = old | {"metadata": old["metadata"] | {"labels": {"a": "b"}}}
    assert await asked(plugin, labelled, "psb", old) == ("", [])


async def test_a_namespaces_labels_are_checked(plugin, make):
    wrong = make("v1", "Namespace", "n", metadata={"labels": {f"{PREFIX}enforce": "x", f"{PREFIX}warn-version": "1"}})
    message, _ = await asked(plugin, wrong, "n")
    assert "must be one of privileged, baseline, restricted" in message
    assert 'must be "latest" or "v1.x"' in message


async def test_a_stricter_namespace_names_the_pods_that_break_it(plugin, reader, make):
    for name in ("a", "b"):
        reader.put(make("v1", "Pod", f"n/{name}", spec={"hostNetwork": True, "containers": []}))
    old = make("v1", "Namespace", "n")
    new = make("v1", "Namespace", "n", metadata={"labels": {f"{PREFIX}enforce": "baseline"}})
    _, warnings = await asked(plugin, new, "n", old)
    assert warnings == [
        'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
        "a (and 1 other pod): host namespaces",
    ]
