"""Defaults that hang on other fields, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from kube import kinds
from kube.kinds import Kind
from master.api.defaults import apply_defaults

Object = dict[str, Any]


def completed(api_version: str, kind: str, **content: Any) -> Object:
    row = kinds.by_kind(api_version, kind)
    assert isinstance(row, Kind)
    obj: Object = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **content}
    apply_defaults(row, obj)
    return obj


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("app", "Always"),
        ("app:latest", "Always"),
        ("app:1", "IfNotPresent"),
        ("registry.local:5000/app", "Always"),
        ("registry.local:5000/app:1", "IfNotPresent"),
        ("app@sha256:0123", "IfNotPresent"),
    ],
)
def test_an_image_without_a_version_is_pulled_anew(image: str, policy: str) -> None:
    obj = completed("v1", "Pod", spec={"containers": [{"name": "c", "image": image}]})
    assert obj["spec"]["containers"][0]["imagePullPolicy"] == policy


@pytest.mark.parametrize(
    ("resources", "requests"),
    [
        ({"limits": {"cpu": "1"}}, {"cpu": "1"}),
        ({"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}, {"cpu": "1"}),
        ({"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}}, {"memory": "1Gi", "cpu": "1"}),
        ({"requests": {"cpu": "1"}}, {"cpu": "1"}),
    ],
)
def test_a_limit_is_a_request_where_none_is_made(resources: Object, requests: Object) -> None:
    container = {"name": "c", "image": "i:1", "resources": resources}
    obj = completed("v1", "Pod", spec={"containers": [container]})
    assert obj["spec"]["containers"][0]["resources"]["requests"] == requests


def test_ports_of_the_host_are_those_of_the_container() -> None:
    container = {"name": "c", "image": "i:1", "ports": [{"containerPort": 80}]}
    obj = completed("v1", "Pod", spec={"hostNetwork": True, "containers": [container]})
    assert obj["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP", "hostPort": 80}]


@pytest.mark.parametrize(
    ("spec", "completions", "parallelism"),
    [({}, 1, 1), ({"parallelism": 2}, None, 2), ({"completions": 3}, 3, 1)],
)
def test_a_job_without_a_number_is_done_once(spec: Object, completions: int | None, parallelism: int) -> None:
    obj = completed("batch/v1", "Job", spec=spec)
    assert (obj["spec"].get("completions"), obj["spec"]["parallelism"]) == (completions, parallelism)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({}, {"type": "ClusterIP", "internalTrafficPolicy": "Cluster"}),
        ({"type": "NodePort"}, {"externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster"}),
        ({"type": "LoadBalancer"}, {"externalTrafficPolicy": "Cluster", "allocateLoadBalancerNodePorts": True}),
        ({"externalIPs": ["192.0.2.1"]}, {"externalTrafficPolicy": "Cluster"}),
        ({"sessionAffinity": "ClientIP"}, {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
    ],
)
def test_services(spec: Object, fields: Object) -> None:
    obj = completed("v1", "Service", spec=dict(spec))
    assert fields.items() <= obj["spec"].items()


@pytest.mark.parametrize(
    ("item", "default", "requests"),
    [
        ({"max": {"cpu": "2"}}, {"cpu": "2"}, {"cpu": "2"}),
        ({"min": {"cpu": "1"}}, None, {"cpu": "1"}),
        ({"max": {"cpu": "3"}, "min": {"cpu": "1"}}, {"cpu": "3"}, {"cpu": "3"}),
        ({"defaultRequest": {"cpu": "1"}, "default": {"cpu": "2"}}, {"cpu": "2"}, {"cpu": "1"}),
    ],
)
def test_limits_of_containers_are_drawn_from_what_is_said(item: Object, default: Any, requests: Any) -> None:
    obj = completed("v1", "LimitRange", spec={"limits": [{"type": "Container", **item}]})
    found = obj["spec"]["limits"][0]
    assert (found.get("default"), found.get("defaultRequest")) == (default, requests)


@pytest.mark.parametrize(
    ("spec", "types"),
    [({}, ["Ingress"]), ({"egress": [{}]}, ["Ingress", "Egress"]), ({"policyTypes": ["Egress"]}, ["Egress"])],
)
def test_a_network_policy_is_about_what_it_has_rules_for(spec: Object, types: list[str]) -> None:
    assert completed("networking.k8s.io/v1", "NetworkPolicy", spec=dict(spec))["spec"]["policyTypes"] == types


def test_an_autoscaler_without_measures_looks_at_the_processor() -> None:
    obj = completed("autoscaling/v2", "HorizontalPodAutoscaler", spec={"maxReplicas": 3, "behavior": {"scaleDown": {}}})
    assert obj["spec"]["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 80}
    assert obj["spec"]["behavior"]["scaleDown"]["policies"] == [{"type": "Percent", "value": 100, "periodSeconds": 15}]
