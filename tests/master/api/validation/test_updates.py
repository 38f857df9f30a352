"""What may take the place of what: recorded changes and their causes, and the rules around them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kube import kinds
from kube.decoding import recode
from kube.kinds import Kind, Subresource
from kube.patches import apply_patch
from master.api import strategies
from master.api.defaults import apply_defaults
from master.api.validation import validate_create, validate_update

Object = dict[str, Any]
MERGE = "application/merge-patch+json"

KINDS = {
    "ConfigMap": "v1",
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
    "PersistentVolumeClaim": "v1",
    "Pod": "v1",
    "ReplicaSet": "apps/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "Secret": "v1",
    "Service": "v1",
    "StatefulSet": "apps/v1",
    "StorageClass": "storage.k8s.io/v1",
}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
WORKLOAD = {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}
POD = {"spec": {"containers": [{"name": "c", "image": "i:1"}], "tolerations": [{"key": "k", "operator": "Exists"}]}}
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
IMMUTABLE = "FieldValueInvalid"
FORBIDDEN = "FieldValueForbidden"

# kind, the object, the change (a merge patch), the causes.
CHANGES: dict[str, tuple[str, Object, Object, list[tuple[str, str]]]] = {
    "pod image": ("Pod", POD, {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}, []),
    "pod command": (
        "Pod",
        POD,
        {"spec": {"containers": [{"name": "c", "image": "i:1", "command": ["x"]}]}},
        [(FORBIDDEN, "spec")],
    ),
    "pod node": ("Pod", POD, {"spec": {"nodeName": "n"}}, [(FORBIDDEN, "spec")]),
    "pod more containers": (
        "Pod",
        POD,
        {"spec": {"containers": [{"name": "c", "image": "i:1"}, {"name": "d", "image": "i:1"}]}},
        [(FORBIDDEN, "spec.containers")],
    ),
    "pod deadline": ("Pod", POD, {"spec": {"activeDeadlineSeconds": 9}}, []),
    "pod toleration more": (
        "Pod",
        POD,
        {"spec": {"tolerations": [{"key": "k", "operator": "Exists"}, {"key": "l", "operator": "Exists"}]}},
        [],
    ),
    "pod toleration gone": ("Pod", POD, {"spec": {"tolerations": None}}, [(FORBIDDEN, "spec.tolerations")]),
    "deployment selector": (
        "Deployment",
        WORKLOAD,
        {"spec": {"selector": {"matchLabels": {"q": "r"}}}},
        [(IMMUTABLE, "spec.template.metadata.labels"), (IMMUTABLE, "spec.selector")],
    ),
    "deployment replicas": ("Deployment", WORKLOAD, {"spec": {"replicas": 4}}, []),
    "replica set selector": (
        "ReplicaSet",
        WORKLOAD,
        {
            "spec": {
                "selector": {"matchLabels": {"a": None, "q": "r"}},
                "template": {"metadata": {"labels": {"q": "r"}}},
            }
        },
        [(IMMUTABLE, "spec.selector")],
    ),
    "stateful set service": (
        "StatefulSet",
        {"spec": {**WORKLOAD["spec"], "serviceName": "s"}},
        {"spec": {"serviceName": "t"}},
        [(FORBIDDEN, "spec")],
    ),
    "stateful set replicas": ("StatefulSet", WORKLOAD, {"spec": {"replicas": 3}}, []),
    "config map frozen": (
        "ConfigMap",
        {"data": {"a": "1"}, "immutable": True},
        {"data": {"a": "2"}},
        [(FORBIDDEN, "data")],
    ),
    "secret frozen": (
        "Secret",
        {"data": {"a": "MQ=="}, "immutable": True},
        {"stringData": {"a": "2"}},
        [(FORBIDDEN, "data")],
    ),
    "secret thawed": (
        "Secret",
        {"data": {"a": "MQ=="}, "immutable": True},
        {"immutable": False},
        [(FORBIDDEN, "immutable")],
    ),
    "secret type": ("Secret", {"type": "example.com/a"}, {"type": "example.com/b"}, [(IMMUTABLE, "type")]),
    "service address": (
        "Service",
        {"spec": {"ports": [{"port": 80}], "clusterIP": "10.43.0.9", "clusterIPs": ["10.43.0.9"]}},
        {"spec": {"clusterIP": "10.43.0.8", "clusterIPs": ["10.43.0.8"]}},
        [(IMMUTABLE, "spec.clusterIPs[0]")],
    ),
    "binding role": ("RoleBinding", {"roleRef": ROLE}, {"roleRef": {"name": "q"}}, [(IMMUTABLE, "roleRef")]),
    "claim size": (
        "PersistentVolumeClaim",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "v"}},
        {"spec": {"resources": {"requests": {"storage": "2Gi"}}}},
        [],
    ),
    "claim mode": (
        "PersistentVolumeClaim",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
        {"spec": {"accessModes": ["ReadOnlyMany"]}},
        [(FORBIDDEN, "spec")],
    ),
    "storage class provisioner": (
        "StorageClass",
        {"provisioner": "example.com/p"},
        {"provisioner": "example.com/q"},
        [(FORBIDDEN, "provisioner")],
    ),
    "new finalizer": ("ConfigMap", {}, {"metadata": {"finalizers": ["example.com/x"]}}, []),
    "bad finalizer": (
        "ConfigMap",
        {},
        {"metadata": {"finalizers": ["noslash"]}},
        [(IMMUTABLE, "metadata.finalizers[0]")] * 2,
    ),
    "new finalizer of the deleted": (
        "ConfigMap",
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/x"]}},
        {"metadata": {"finalizers": ["example.com/x", "example.com/y"]}},
        [(FORBIDDEN, "metadata.finalizers")] * 2,
    ),
}


def complete(kind: str, body: Object) -> Object:
    row = kinds.by_kind(KINDS[kind], kind)
    assert row is not None
    meta = {"name": "x", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1} | body.get(
        "metadata", {}
    )
    if row.namespaced:
        meta["namespace"] = "default"
    obj, _ = recode(json.loads(json.dumps({**body, "apiVersion": KINDS[kind], "kind": kind, "metadata": meta})), row)
    apply_defaults(row, obj)
    return obj


def changed(old: Object, patch: Object, subresource: str = "") -> Object:
    row = kinds.kind_of(old)
    new, _ = recode(apply_patch(row, json.loads(json.dumps(old)), json.dumps(patch).encode(), MERGE), row)
    apply_defaults(row, new)
    strategies.prepare_update(row, new, old, subresource)
    return new


@pytest.mark.parametrize(("kind", "body", "patch", "causes"), CHANGES.values(), ids=CHANGES.keys())
def test_change(kind: str, body: Object, patch: Object, causes: list[tuple[str, str]]) -> None:
    old = complete(kind, body)
    found = validate_update(kinds.kind_of(old), changed(old, patch), old)
    assert [(cause.reason, cause.field) for cause in found] == causes


def test_an_object_may_always_take_its_own_place(
    facts: Callable[[str], list[Object]], created: Callable[..., Any], kind_at: Callable[[str], Any]
) -> None:
    for row in facts("defaults"):
        kind = kind_at(row["path"])
        old = created(json.dumps(row["body"]).encode(), kind).object
        new = json.loads(json.dumps(old))
        strategies.prepare_update(kind, new, old)
        assert new == old, row["name"]
        labelled = json.loads(json.dumps(old))
        labelled["metadata"]["labels"] = labelled["metadata"].get("labels", {}) | {"l": "m"}
        assert not validate_update(kind, labelled, old), row["name"]


# Strategies


def test_an_update_keeps_the_status() -> None:
    old = complete("Deployment", {**WORKLOAD, "status": {"replicas": 2}})
    assert changed(old, {"status": {"replicas": 7}})["status"] == {"replicas": 2}


def test_an_update_of_the_status_keeps_the_rest() -> None:
    old = complete("Deployment", WORKLOAD)
    new = changed(old, {"status": {"replicas": 3}, "spec": {"replicas": 99}}, "status")
    assert (new["status"], new["spec"], new["metadata"]["generation"]) == ({"replicas": 3}, old["spec"], 1)


@pytest.mark.parametrize(
    ("kind", "body", "patch", "generation"),
    [
        ("Deployment", WORKLOAD, {"spec": {"replicas": 2}}, 2),
        ("Deployment", WORKLOAD, {"metadata": {"annotations": {"a": "b"}}}, 2),
        ("Deployment", WORKLOAD, {"metadata": {"labels": {"a": "b"}}}, 1),
        ("Pod", POD, {"spec": {"activeDeadlineSeconds": 5}}, 2),
        ("Pod", POD, {"metadata": {"generation": 9}}, 1),
        ("StatefulSet", WORKLOAD, {"metadata": {"annotations": {"a": "b"}}}, 1),
    ],
)
def test_the_generation_counts_what_is_asked_for(kind: str, body: Object, patch: Object, generation: int) -> None:
    assert changed(complete(kind, body), patch)["metadata"]["generation"] == generation


def test_an_ephemeral_container_comes_with_its_defaults() -> None:
    old = complete("Pod", POD)
    new = changed(old, {"spec": {"ephemeralContainers": [{"name": "d", "image": "i:1"}]}}, "ephemeralcontainers")
    assert new["spec"]["ephemeralContainers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert new["spec"]["containers"] == old["spec"]["containers"]
    assert new["metadata"]["generation"] == 2
    assert not validate_update(kinds.kind_of(old), new, old, "ephemeralcontainers")


def test_a_resize_may_not_change_the_quality_of_service() -> None:
    old = complete("Pod", {**POD, "status": {"qosClass": "BestEffort"}})
    new = changed(old, {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "20m"}}}]}}, "resize")
    found = validate_update(kinds.kind_of(old), new, old, "resize")
    assert [(cause.reason, cause.field) for cause in found] == [("FieldValueInvalid", "spec")]


def test_the_address_of_a_load_balancer_is_its_own() -> None:
    old = complete("Service", {"spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})
    new = changed(old, {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}, "status")
    assert new["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.1", "ipMode": "VIP"}]


# Custom resources

BOAT = Kind("serving.example.com", "v1", "Service", "services", subresources=(Subresource("status"),))


def boat(**content: Any) -> Object:
    meta = {"name": "x", "namespace": "default", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"apiVersion": BOAT.api_version, "kind": "Service", "metadata": meta, **content}


def test_a_custom_kind_may_bear_the_name_of_a_built_in_one() -> None:
    obj = boat(spec={"oars": 2}, status={"afloat": True})
    apply_defaults(BOAT, obj)
    strategies.prepare_create(BOAT, obj)
    assert not validate_create(BOAT, obj)
    assert obj["spec"] == {"oars": 2}
    assert "status" not in obj
    assert obj["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("change", "subresource", "generation", "content"),
    [
        ({"spec": {"oars": 4}, "status": {"afloat": False}}, "", 2, {"spec": {"oars": 4}, "status": {"afloat": True}}),
        (
            {"spec": {"oars": 4}, "status": {"afloat": False}},
            "status",
            1,
            {"spec": {"oars": 2}, "status": {"afloat": False}},
        ),
        ({"spec": {"oars": 2}, "crew": "two"}, "", 2, {"spec": {"oars": 2}, "crew": "two", "status": {"afloat": True}}),
        (
            {"spec": {"oars": 2}, "metadata": {"labels": {"a": "b"}}},
            "",
            1,
            {"spec": {"oars": 2}, "status": {"afloat": True}},
        ),
    ],
)
def test_updates_of_custom_resources(change: Object, subresource: str, generation: int, content: Object) -> None:
    old = boat(spec={"oars": 2}, status={"afloat": True})
    old["metadata"]["generation"] = 1
    new = boat(**{name: value for name, value in change.items() if name != "metadata"})
    new["metadata"] |= change.get("metadata", {})
    strategies.prepare_update(BOAT, new, old, subresource)
    assert new["metadata"]["generation"] == generation
    assert {name: value for name, value in new.items() if name in ("spec", "status", "crew")} == content
    assert not validate_update(BOAT, new, old, subresource)
