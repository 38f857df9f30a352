"""The node's numbers as the kubelet tells them: /metrics/resource, /metrics/cadvisor in Prometheus' text, /stats/summary.

Pure: looks and pods in, text or objects out.  Names of metrics and fields are upstream's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agent.api.sampling import Look, NodeUse, Rates
from agent.runtime.words import Usage
from kube import times

Object = dict[str, Any]
TEXT = "text/plain; version=0.0.4; charset=utf-8"
POD_NAME, POD_NAMESPACE, POD_UID = "io.kubernetes.pod.name", "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid"
CONTAINER = "io.kubernetes.container.name"
COUNTER, GAUGE = "counter", "gauge"
Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its samples."""

    name: str
    type: str
    help: str
    samples: Iterable[Sample] = ()
    histogram: Iterable[tuple[str, Sample]] = ()
    """Samples under the metric's name and an ending: `_bucket`, `_sum`, `_count`."""


@dataclass(frozen=True, slots=True)
class Own:
    """What the agent's process uses."""

    cpu_seconds: float
    resident: int
    descriptors: int


def exposition(families: Iterable[Family]) -> str:
    """Prometheus' text format."""
    return "".join(_lines(families))


def _lines(families: Iterable[Family]) -> Iterator[str]:
    for family in families:
        yield f"# HELP {family.name} {family.help}\n# TYPE {family.name} {family.type}\n"
        for ending, (labels, value) in (*(("", sample) for sample in family.samples), *family.histogram):
            told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{family.name}{ending}{'{' + told + '}' if told else ''} {value:.15g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def resource_metrics(look: Look, pods: Sequence[Object]) -> list[Family]:
    """/metrics/resource: what an autoscaler needs, no more."""
    started = _starts(pods)
    of_pods: dict[tuple[str, str], tuple[float, int]] = {}
    for one in look.containers:
        pod = (one.labels.get(POD_NAMESPACE, ""), one.labels.get(POD_NAME, ""))
        cpu, memory = of_pods.get(pod, (0.0, 0))
        of_pods[pod] = (cpu + one.cpu_seconds, memory + one.working_set)
    told = [(_resource_labels(one), one) for one in look.containers]
    by_pod = [({"namespace": space, "pod": name}, use) for (space, name), use in sorted(of_pods.items())]
    starts = [
        (labels, started[key])
        for labels, _ in told
        if (key := (labels["namespace"], labels["pod"], labels["container"])) in started
    ]
    cpu_help = "Cumulative cpu time consumed by the %s in core-seconds"
    memory_help = "Current working set of the %s in bytes"
    return [
        Family(
            "container_cpu_usage_seconds_total",
            COUNTER,
            cpu_help % "container",
            [(n, one.cpu_seconds) for n, one in told],
        ),
        Family(
            "container_memory_working_set_bytes",
            GAUGE,
            memory_help % "container",
            [(n, one.working_set) for n, one in told],
        ),
        Family("container_start_time_seconds", GAUGE, "Start time of the container since unix epoch", starts),
        Family("node_cpu_usage_seconds_total", COUNTER, cpu_help % "node", [({}, look.node.cpu_seconds)]),
        Family("node_memory_working_set_bytes", GAUGE, memory_help % "node", [({}, look.node.memory)]),
        Family("pod_cpu_usage_seconds_total", COUNTER, cpu_help % "pod", [(n, use[0]) for n, use in by_pod]),
        Family("pod_memory_working_set_bytes", GAUGE, memory_help % "pod", [(n, use[1]) for n, use in by_pod]),
        Family("resource_scrape_error", GAUGE, "1 if there was an error while getting metrics, 0 otherwise", [({}, 0)]),
    ]


CADVISOR = (
    ("container_cpu_usage_seconds_total", COUNTER, "Cumulative cpu time consumed in seconds", "cpu_seconds"),
    ("container_memory_usage_bytes", GAUGE, "Current memory usage in bytes, including all memory", "memory"),
    ("container_memory_working_set_bytes", GAUGE, "Current working set in bytes", "working_set"),
    ("container_memory_rss", GAUGE, "Size of RSS in bytes", "rss"),
    ("container_fs_usage_bytes", GAUGE, "Bytes the container has written to its own layer", "disk"),
    ("container_fs_inodes_total", GAUGE, "Inodes of the container's own layer", "inodes"),
)


def cadvisor_metrics(look: Look, pods: Sequence[Object]) -> list[Family]:
    """/metrics/cadvisor: the basics, with image and id."""
    images = {
        (p["metadata"]["namespace"], p["metadata"]["name"], c["name"]): c.get("image", "")
        for p in pods
        for c in p["spec"].get("containers") or ()
    }
    told = []
    for one in look.containers:
        labels = _resource_labels(one)
        image = images.get((labels["namespace"], labels["pod"], labels["container"]), "")
        told.append(({**labels, "id": one.container_id, "image": image, "name": one.container_id}, one))
    families = [
        Family(name, type, help, [(labels, getattr(one, field)) for labels, one in told])
        for name, type, help, field in CADVISOR
    ]
    node = look.node
    return [
        *families,
        Family("machine_cpu_cores", GAUGE, "Number of logical CPU cores", [({}, node.cpus)]),
        Family("machine_memory_bytes", GAUGE, "Amount of memory installed on the machine", [({}, node.memory_total)]),
    ]


def agent_metrics(look: Look, pods: Sequence[Object], node_name: str, own: Own) -> list[Family]:
    """/metrics: the agent itself."""
    phases: dict[str, int] = {}
    for pod in pods:
        phase = (pod.get("status") or {}).get("phase", "Pending")
        phases[phase] = phases.get(phase, 0) + 1
    return [
        Family("kubelet_node_name", GAUGE, "The node's name. The count is always 1", [({"node": node_name}, 1)]),
        Family("kubelet_running_pods", GAUGE, "Number of pods that run", [({}, phases.get("Running", 0))]),
        Family(
            "kubelet_running_containers",
            GAUGE,
            "Number of containers",
            [({"container_state": "running"}, len(look.containers))],
        ),
        Family(
            "wherry_agent_pods", GAUGE, "Pods of this node by phase", [({"phase": p}, n) for p, n in phases.items()]
        ),
        Family(
            "process_cpu_seconds_total", COUNTER, "Total user and system CPU time in seconds", [({}, own.cpu_seconds)]
        ),
        Family("process_resident_memory_bytes", GAUGE, "Resident memory size in bytes", [({}, own.resident)]),
        Family("process_open_fds", GAUGE, "Number of open file descriptors", [({}, own.descriptors)]),
    ]


def _resource_labels(one: Usage) -> dict[str, str]:
    labels = one.labels
    return {
        "container": labels.get(CONTAINER, one.name),
        "namespace": labels.get(POD_NAMESPACE, ""),
        "pod": labels.get(POD_NAME, ""),
    }


def _starts(pods: Iterable[Object]) -> dict[tuple[str, str, str], float]:
    """(namespace, pod, container) → when it started, in seconds since 1970."""
    found = {}
    for pod in pods:
        meta = pod["metadata"]
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            at = ((status.get("state") or {}).get("running") or {}).get("startedAt")
            if at:
                found[meta["namespace"], meta["name"], status["name"]] = times.parse(at).timestamp()
    return found


# /stats/summary


def summary(node_name: str, look: Look, rate: Rates, pods: Sequence[Object]) -> Object:
    by_pod: dict[str, list[Usage]] = {}
    for one in look.containers:
        by_pod.setdefault(one.labels.get(POD_UID, ""), []).append(one)
    listed = [_pod(pod, by_pod[uid], rate) for pod in pods if (uid := pod["metadata"].get("uid", "")) in by_pod]
    return {"node": _node(node_name, look, rate), "pods": listed}


def _node(name: str, look: Look, rate: Rates) -> Object:
    use, at = look.node, _time(look.node.time)
    filesystem = {"time": at, **_space(use)}
    images = [
        {**filesystem, "usedBytes": one.used_bytes, "inodesUsed": one.used_inodes} for one in list(look.images)[:1]
    ]
    return {
        "nodeName": name,
        "cpu": _cpu(at, rate.node, use.cpu_seconds),
        "memory": {
            "time": at,
            "availableBytes": use.memory_total - use.memory,
            "usageBytes": use.memory,
            "workingSetBytes": use.memory,
        },
        "fs": filesystem,
        "runtime": {"imageFs": images[0]} if images else {},
    }


def _space(use: NodeUse) -> Object:
    free = use.disk_total - use.disk
    return {"capacityBytes": use.disk_total, "availableBytes": free, "usedBytes": use.disk}


def _pod(pod: Object, containers: list[Usage], rate: Rates) -> Object:
    meta, status = pod["metadata"], pod.get("status") or {}
    started = {one["name"]: one for one in status.get("containerStatuses") or ()}
    at = _time(max(one.time for one in containers))
    cores = sum(rate.containers.get(one.container_id, 0.0) for one in containers)
    used = sum(one.disk for one in containers)
    return {
        "podRef": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "startTime": status.get("startTime"),
        "containers": [_container(one, started, rate) for one in containers],
        "cpu": _cpu(at, cores, sum(one.cpu_seconds for one in containers)),
        "memory": _memory(at, containers),
        "ephemeral-storage": {"time": at, "usedBytes": used},
    }


def _container(one: Usage, started: Mapping[str, Object], rate: Rates) -> Object:
    name, at = one.labels.get(CONTAINER, one.name), _time(one.time)
    running = ((started.get(name) or {}).get("state") or {}).get("running") or {}
    return {
        "name": name,
        "startTime": running.get("startedAt"),
        "cpu": _cpu(at, rate.containers.get(one.container_id, 0.0), one.cpu_seconds),
        "memory": _memory(at, [one]),
        "rootfs": {"time": at, "usedBytes": one.disk, "inodesUsed": one.inodes},
    }


def _cpu(at: str, cores: float, seconds: float) -> Object:
    return {"time": at, "usageNanoCores": round(cores * 1e9), "usageCoreNanoSeconds": round(seconds * 1e9)}


def _memory(at: str, containers: Sequence[Usage]) -> Object:
    return {
        "time": at,
        "usageBytes": sum(one.memory for one in containers),
        "workingSetBytes": sum(one.working_set for one in containers),
        "rssBytes": sum(one.rss for one in containers),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
