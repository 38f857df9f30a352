"""What the kubelet's diagnostic paths tell: /configz, /runningpods and the log files below /logs.  Pure but for files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from agent.runtime.words import Container, ContainerState, Sandbox
from kube.config import AgentConfig
from kube.errors import ApiError

Object = dict[str, Any]


def configz(config: AgentConfig) -> Object:
    """The settings in the words of the kubelet's own configuration."""
    eviction, node = config.eviction, config.node
    told = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "address": config.server.bind,
        "port": config.server.port,
        "authentication": {"x509": {}, "webhook": {"enabled": True}, "anonymous": {"enabled": False}},
        "authorization": {"mode": "Webhook"},
        "clusterDomain": config.cluster.domain,
        "clusterDNS": [config.cluster.dns],
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": config.runtime.cgroup,
        "containerRuntimeEndpoint": f"unix://{config.runtime.endpoint}",
        "maxPods": node.max_pods,
        "systemReserved": dict(node.reserved),
        "evictionHard": dict(eviction.hard),
        "evictionSoft": dict(eviction.soft),
        "evictionSoftGracePeriod": dict(eviction.soft_grace),
        "evictionMaxPodGracePeriod": eviction.pod_grace_seconds,
        "evictionPressureTransitionPeriod": f"{eviction.transition_seconds}s",
        "nodeStatusReportFrequency": "5m0s",
        "nodeLeaseDurationSeconds": 40,
        "enableServer": True,
        "enableDebuggingHandlers": True,
    }
    return {"kubeletconfig": told}


def running_pods(sandboxes: Iterable[Sandbox], containers: Iterable[Container]) -> Object:
    """What the runtime runs, whatever the API knows, as pods with little in them."""
    inside: dict[str, list[Object]] = {}
    for one in containers:
        if one.state is ContainerState.RUNNING:
            inside.setdefault(one.sandbox_id, []).append({"name": one.name, "image": one.image, "resources": {}})
    items = [
        {
            "metadata": {"name": sandbox.name, "namespace": sandbox.namespace, "uid": sandbox.uid},
            "spec": {"containers": inside.get(sandbox.id, [])},
            "status": {},
        }
        for sandbox in sandboxes
        if sandbox.ready
    ]
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items}


def log_file(folder: Path, asked: str) -> Path:
    """The file or folder `asked` below `folder`; ApiError 404 for what is not there or lies outside."""
    top = folder.resolve()
    path = (top / asked).resolve()
    if not path.is_relative_to(top) or not path.exists():
        raise ApiError(404, "NotFound", f"{asked}: no such file in {folder}")
    return path


def listing(folder: Path) -> str:
    """A folder as links."""
    names = sorted(f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir())
    links = "".join(f'<a href="{quote(name)}">{_escaped(name)}</a>\n' for name in names)
    return f"<!doctype html>\n<pre>\n{links}</pre>\n"


ESCAPES: Mapping[int, str] = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


def _escaped(text: str) -> str:
    return text.translate(ESCAPES)
