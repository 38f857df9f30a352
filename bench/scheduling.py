"""Decisions a second: the scheduler without an API, over hollow nodes, for the shapes of pods that people make."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from bench.table import Row
from master.scheduler.cluster import Cluster
from master.scheduler.decisions import Placement
from master.scheduler.nodes import read_node
from master.scheduler.pods import Pod, read_pod
from master.scheduler.scheduling import Scheduler

PODS = 2000
ZONES = 3
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "topology.kubernetes.io/zone",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "web"}},
}


def hollow(nodes: int) -> Cluster:
    cluster = Cluster()
    for number in range(nodes):
        name = f"node-{number:05d}"
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{number % ZONES}"}
        allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        cluster.set_node(
            read_node({"metadata": {"name": name, "labels": labels}, "status": {"allocatable": allocatable}})
        )
    return cluster


def _pod(number: int, owner: str, **spec: Any) -> Pod:
    requests = {"cpu": "10m", "memory": "16Mi"}
    meta = {
        "name": f"pod-{number}",
        "namespace": "bench",
        "uid": str(number),
        "labels": {"app": "web"},
        "ownerReferences": [{"uid": owner, "controller": True}],
    }
    return read_pod({"metadata": meta, "spec": {"containers": [{"resources": {"requests": requests}}], **spec}})


SHAPES: tuple[tuple[str, Callable[[int], Pod]], ...] = (
    ("replicas of one owner", lambda number: _pod(number, "rs")),
    ("spread over zones", lambda number: _pod(number, "rs", topologySpreadConstraints=[SPREAD])),
    ("an owner for every pod", lambda number: _pod(number, f"rs-{number}")),
)


def rate(nodes: int, make: Callable[[int], Pod]) -> float:
    """Pods read, decided and placed in a second of CPU."""
    cluster = hollow(nodes)
    scheduler = Scheduler(cluster, random.Random(1))
    start = time.process_time()
    for number in range(PODS):
        pod = make(number)
        decision = scheduler.schedule(pod)
        assert isinstance(decision, Placement)
        cluster.place(replace(pod, node=decision.node))
    return PODS / (time.process_time() - start)


def rows() -> Iterator[Row]:
    for nodes in (100, 1000, 5000):
        for name, make in SHAPES:
            yield Row(f"decisions, {nodes} nodes, {name}", rate(nodes, make), "pods/s", None)
