"""Builders of the objects that plans are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Object = dict[str, Any]


def make_pod(name: str = "p", phase: str = "Running", ready: bool = True, **meta: Any) -> Object:
    since = meta.pop("since", "2026-01-01T00:00:00Z")
    node = meta.pop("node", "n")
    spec = {"nodeName": node} if node else {}
    condition = {"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": since}
    metadata = {"name": name, "namespace": "ns", "uid": f"uid-{name}", "labels": {"app": "x"}}
    metadata["creationTimestamp"] = "2026-01-01T00:00:00Z"
    address = meta.pop("address", "10.0.0.1")
    status = {"phase": phase, "conditions": [condition], "podIPs": [{"ip": address}] if address else []}
    extra_spec = meta.pop("spec", {})
    return {"metadata": {**metadata, **meta}, "spec": {**spec, **extra_spec}, "status": status}


def make_set(name: str, replicas: int, available: int | None = None, **annotations: str) -> Object:
    number = int(annotations.pop("age", "0"))
    working = replicas if available is None else available
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "annotations": annotations,
            "creationTimestamp": f"2026-01-01T00:00:{number:02d}Z",
        },
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"image": name}}},
        "status": {"replicas": replicas, "readyReplicas": working, "availableReplicas": working},
    }


def make_deployment(replicas: int = 3, image: str = "new", **spec: Any) -> Object:
    return {
        "metadata": {"name": "web", "namespace": "ns", "uid": "uid-web", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"image": image}},
            "progressDeadlineSeconds": 600,
            **spec,
        },
        "status": {},
    }


@pytest.fixture(scope="session")
def pod() -> Callable[..., Object]:
    return make_pod


@pytest.fixture(scope="session")
def replica_set() -> Callable[..., Object]:
    return make_set


@pytest.fixture(scope="session")
def deployment() -> Callable[..., Object]:
    return make_deployment
