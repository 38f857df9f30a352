"""Small builders of nodes and pods as the API serves them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from master.scheduler.cluster import Cluster
from master.scheduler.nodes import read_heartbeat, read_node
from master.scheduler.pods import Pod, read_pod
from master.scheduler.scheduling import Scheduler


class Scene:
    """A cluster, its scheduler, and the words to describe them with."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.scheduler = Scheduler(self.cluster, random.Random(1))

    def node(self, name: str, cpu: str = "4", memory: str = "8Gi", pods: str = "110", **parts: Any) -> None:
        labels, status = {"kubernetes.io/hostname": name, **parts.pop("labels", {})}, parts.pop("status", {})
        obj = {
            "metadata": {"name": name, "labels": labels},
            "spec": parts,
            "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}, **status},
        }
        self.cluster.set_node(read_node(obj))

    def heartbeat(self, name: str, load: str) -> None:
        lease = {"metadata": {"name": name, "annotations": {"wherry.dev/load": load}}}
        self.cluster.set_load(*read_heartbeat(lease))

    def pod(self, name: str = "p", requests: dict[str, str] | None = None, **parts: Any) -> Pod:
        meta = {"name": name, "namespace": "ns", "uid": name, "labels": parts.pop("labels", {})}
        if owner := parts.pop("owner", ""):
            meta["ownerReferences"] = [{"uid": owner, "controller": True}]
        container = {"name": "c", "image": "i", "resources": {"requests": requests or {}}, **parts.pop("container", {})}
        node = parts.pop("node", "")
        spec = {"containers": [container], **({"nodeName": node} if node else {}), **parts}
        return read_pod({"metadata": meta, "spec": spec})

    def runs(self, node: str, name: str, requests: dict[str, str] | None = None, **parts: Any) -> None:
        self.cluster.place(self.pod(name, requests, node=node, **parts))

    def decide(self, requests: dict[str, str] | None = None, **parts: Any) -> Any:
        return self.scheduler.schedule(self.pod("new", requests, **parts))


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="session")
def new_scene() -> type[Scene]:
    """For properties, which need a scene for each example."""
    return Scene
