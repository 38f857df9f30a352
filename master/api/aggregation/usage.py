"""metrics.k8s.io/v1beta1: what nodes and pods use, asked from the agents when somebody asks for it.

The agents' /stats/summary is kept for some seconds, so that a dashboard costs no more than a person.  Source: the Metrics
API as `kubectl top` and autoscalers read it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from kube import selectors
from kube.errors import ApiError, not_found, words_of
from master.api.calls import respond
from master.api.contract import Object, UserInfo
from master.api.reaching import NODE, POD, Reach, agent_address
from master.api.routing import Query, Route, method_not_allowed, no_such_resource

log = logging.getLogger(__name__)

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
API_VERSION = f"{GROUP}/{VERSION}"
KEPT, PATIENCE = 10.0, 4.0
"""Seconds an answer of the agents is good for, and that an agent has for it."""
WINDOW = "15s"
RESOURCES = [
    {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
    {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]},
]
Summaries = Mapping[str, Object]


@dataclass
class UsageApi:
    """A delegate (see `delegates`) that answers here."""

    reach: Reach
    clock: Callable[[], float] = time.monotonic
    resources: list[Object] = field(default_factory=lambda: RESOURCES)
    _kept: tuple[float, Summaries] = (-1e9, {})
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def serve(self, _request: web.BaseRequest, asked: Route, query: Query, _user: UserInfo) -> web.StreamResponse:
        info = asked.info
        if not info.is_resource:
            return _json({"kind": "APIResourceList", "apiVersion": "v1", **_group_version(), "resources": RESOURCES})
        if info.subresource or info.resource not in ("nodes", "pods"):
            raise no_such_resource()
        if info.verb not in ("get", "list"):
            raise method_not_allowed()
        found = await self._metrics(info.resource, info.namespace)
        if info.verb == "list":
            kind = "NodeMetricsList" if info.resource == "nodes" else "PodMetricsList"
            return _json({"kind": kind, "apiVersion": API_VERSION, "metadata": {}, "items": _chosen(found, query)})
        for one in found:
            if one["metadata"]["name"] == info.name:
                return _json(one)
        raise not_found(*_called(info.resource, info.namespace, info.name), GROUP)

    async def _metrics(self, resource: str, namespace: str) -> list[Object]:
        reader, summaries = self.reach.reader, await self.summaries()
        if resource == "nodes":
            nodes = {node["metadata"]["name"]: node for node in reader.list(NODE)}
            return [node_metrics(nodes[name], told) for name, told in sorted(summaries.items()) if name in nodes]
        pods = {_key(pod): pod for pod in reader.list(POD, namespace)}
        told = {
            (one["podRef"]["namespace"], one["podRef"]["name"]): one
            for summary in summaries.values()
            for one in summary.get("pods") or ()
        }
        return [pod_metrics(pods[key], told[key]) for key in sorted(pods.keys() & told.keys())]

    async def summaries(self) -> Summaries:
        """Node → its /stats/summary, of those that answer."""
        async with self._one_at_a_time:
            at, kept = self._kept
            if self.clock() - at > KEPT:
                timeout = aiohttp.ClientTimeout(total=PATIENCE)
                async with aiohttp.ClientSession(timeout=timeout) as session:
                    nodes = [node for node in self.reach.reader.list(NODE) if _is_ready(node)]
                    answers = await asyncio.gather(*(self._ask(session, node) for node in nodes))
                kept = {node["metadata"]["name"]: one for node, one in zip(nodes, answers, strict=True) if one}
                self._kept = (self.clock(), kept)
            return kept

    async def _ask(self, session: aiohttp.ClientSession, node: Object) -> Object | None:
        try:
            url = f"https://{agent_address(node)}/stats/summary"
            async with session.get(url, ssl=self.reach.tls or True) as answer:
                answer.raise_for_status()
                told: Object = orjson.loads(await answer.read())
                return told
        except (aiohttp.ClientError, TimeoutError, ApiError, orjson.JSONDecodeError) as error:
            log.info("no numbers from node=%s: %s", node["metadata"]["name"], words_of(error))
            return None


def node_metrics(node: Object, told: Object) -> Object:
    return _metrics("NodeMetrics", node, told["node"]) | {"usage": _usage(told["node"])}


def pod_metrics(pod: Object, told: Object) -> Object:
    containers = [{"name": one["name"], "usage": _usage(one)} for one in told["containers"]]
    return _metrics("PodMetrics", pod, told) | {"containers": containers}


def _metrics(kind: str, obj: Object, told: Object) -> Object:
    meta = obj["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "labels", "creationTimestamp") if key in meta}
    timestamp = told["cpu"]["time"]
    return {"kind": kind, "apiVersion": API_VERSION, "metadata": kept, "timestamp": timestamp, "window": WINDOW}


def _usage(told: Object) -> Object:
    """As quantities: nanocores, and Ki where nothing is lost by it."""
    return {"cpu": f"{told['cpu']['usageNanoCores']}n", "memory": f"{told['memory']['workingSetBytes'] // 1024}Ki"}


def _chosen(found: Iterable[Object], query: Query) -> list[Object]:
    labels = selectors.parse_labels(query.get("labelSelector", ""))
    name = query.get("fieldSelector", "").removeprefix("metadata.name=")
    return [
        one
        for one in found
        if labels.matches(one["metadata"].get("labels") or {}) and name in ("", one["metadata"]["name"])
    ]


def _is_ready(node: Object) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _called(resource: str, namespace: str, name: str) -> tuple[str, str]:
    """How metrics-server names what is not there."""
    return ("nodemetrics", name) if resource == "nodes" else ("podmetrics", f"{namespace}/{name}")


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _group_version() -> Object:
    return {"groupVersion": API_VERSION}


def _json(obj: Any) -> web.Response:
    return respond(orjson.dumps(obj))
