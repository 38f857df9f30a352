"""The sample that a new cluster runs: a Deployment of `wherry.local/web:1` behind a Service, and its answer from each node."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from kube.client import Client
from kube.errors import ApiError
from kube.kinds import Kind, kind_of
from provisioning.virtual.nodes import VirtualNode

NAMESPACE = "default"
IMAGE = "wherry.local/web:1"
LABELS = {"app": "web"}
RUN_SECONDS = 20.0

Run = Callable[[Sequence[str]], str]

FETCH = (
    "/usr/bin/python3",
    "-c",
    "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=3).read().decode().strip())",
)


def deployment(replicas: int) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "web", "image": IMAGE, "ports": [{"containerPort": 80}]}]},
            },
        },
    }


def service() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE, "labels": LABELS},
        "spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": 80}]},
    }


async def deploy(client: Client, replicas: int) -> bool:
    """Create what is missing of the sample; what is there is the user's by now and stays."""
    made = [await _ensure(client, thing) for thing in (deployment(replicas), service())]
    return any(made)


async def is_ready(client: Client) -> bool:
    """Whether every wanted replica of the Deployment is available."""
    found = await client.get(_kind(deployment(1)), NAMESPACE, "web")
    return bool(found.get("status", {}).get("availableReplicas", 0) >= found["spec"]["replicas"])


async def address(client: Client) -> str:
    """The Service's cluster IP."""
    found = await client.get(_kind(service()), NAMESPACE, "web")
    return str(found["spec"]["clusterIP"])


def fetch(run: Run, address: str) -> str:
    """The Service's answer as a machine hears it; empty when there is none."""
    return run((*FETCH, f"http://{address}/")).strip()


def run_here(argv: Sequence[str]) -> str:
    """Output of a command on this machine."""
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=RUN_SECONDS).stdout


def run_on(node: VirtualNode) -> Run:
    """Output of commands on a virtual node."""
    return lambda argv: node.run(argv, check=False, seconds=RUN_SECONDS).stdout


async def _ensure(client: Client, thing: dict[str, Any]) -> bool:
    try:
        await client.create(_kind(thing), NAMESPACE, thing)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        return False
    return True


def _kind(thing: dict[str, Any]) -> Kind:
    return kind_of(thing)
