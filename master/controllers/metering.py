"""The numbers that autoscalers go by, asked from the metrics APIs: of resources, of pods, of objects, from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from kube import kinds, quantities, times
from kube.client import Client
from kube.errors import ApiError
from master.controllers.objects import Object
from master.controllers.usages import Sample, UnmeasuredError

RESOURCES = "/apis/metrics.k8s.io/v1beta1"
CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"


class Meter:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, path: str, **query: str) -> Any:
        asked = {name: value for name, value in query.items() if value}
        return orjson.loads(await self._client.raw("GET", f"{path}?{urlencode(asked)}" if asked else path))

    async def resource(self, namespace: str, selector: str, resource: str, container: str = "") -> dict[str, Sample]:
        """Of each pod, what all its containers use, or one of them."""
        try:
            answer = await self.get(f"{RESOURCES}/namespaces/{namespace}/pods", labelSelector=selector)
        except ApiError as error:
            raise UnmeasuredError(f"unable to fetch metrics from resource metrics API: {error.message}") from error
        found = {}
        for item in answer.get("items") or ():
            told = [one["usage"].get(resource) for one in item["containers"] if container in ("", one["name"])]
            if told and None not in told:
                total = sum(quantities.milli_value(str(value)) for value in told)
                window = float(str(item.get("window", "60s")).removesuffix("s").split("m")[-1] or 60)
                found[item["metadata"]["name"]] = Sample(total, times.parse(item["timestamp"]), window)
        if not found:
            raise UnmeasuredError(
                f"unable to get metrics for resource {resource}: no metrics returned from resource metrics API"
            )
        return found

    async def pods(self, namespace: str, selector: str, metric: Object) -> dict[str, Sample]:
        path = f"{CUSTOM}/namespaces/{namespace}/pods/*/{quote(metric['name'])}"
        items = await self._custom(path, labelSelector=selector, metricLabelSelector=_labels(metric))
        return {item["describedObject"]["name"]: _sample(item) for item in items}

    async def of_object(self, namespace: str, reference: Object, metric: Object) -> int:
        path = (await self.path_of(reference, namespace)).removeprefix("/apis/").removeprefix("/api/v1/")
        plural, name = path.split("/")[-2:]
        group = reference.get("apiVersion", "v1").rpartition("/")[0]
        resource = f"{plural}.{group}" if group else plural
        full = f"{CUSTOM}/namespaces/{namespace}/{resource}/{name}/{quote(metric['name'])}"
        items = await self._custom(full, metricLabelSelector=_labels(metric))
        return _sample(items[0]).value

    async def external(self, namespace: str, metric: Object) -> int:
        path = f"{EXTERNAL}/namespaces/{namespace}/{quote(metric['name'])}"
        try:
            answer = await self.get(path, labelSelector=_labels(metric))
        except ApiError as error:
            raise UnmeasuredError(f"unable to fetch metrics from external metrics API: {error.message}") from error
        return sum(quantities.milli_value(str(item["value"])) for item in answer.get("items") or ())

    async def _custom(self, path: str, **query: str) -> list[Object]:
        try:
            items: list[Object] = (await self.get(path, **query)).get("items") or []
        except ApiError as error:
            raise UnmeasuredError(f"unable to fetch metrics from custom metrics API: {error.message}") from error
        if not items:
            raise UnmeasuredError("no metrics returned from custom metrics API")
        return items

    async def path_of(self, reference: Object, namespace: str) -> str:
        """Where an object lies that is named by apiVersion, kind and name."""
        api_version, name = reference.get("apiVersion", "v1"), reference["name"]
        try:
            return kinds.kind_of({"apiVersion": api_version, "kind": reference["kind"]}).path(namespace, name)
        except KeyError:
            root = f"/apis/{api_version}"
        for row in (await self.get(root)).get("resources") or ():
            if row["kind"] == reference["kind"] and "/" not in row["name"]:
                return f"{root}/namespaces/{namespace}/{row['name']}/{name}"
        raise ApiError(404, "NotFound", f'no matches for kind "{reference["kind"]}" in version "{api_version}"')


def _sample(item: Object) -> Sample:
    when = times.parse(item["timestamp"]) if item.get("timestamp") else datetime.now(UTC)
    return Sample(quantities.milli_value(str(item["value"])), when)


def _labels(metric: Object) -> str:
    """A LabelSelector in the words of a query."""
    selector = metric.get("selector") or {}
    parts = [f"{name}={value}" for name, value in (selector.get("matchLabels") or {}).items()]
    for row in selector.get("matchExpressions") or ():
        values = ",".join(row.get("values") or ())
        forms = {"In": f"{row['key']} in ({values})", "NotIn": f"{row['key']} notin ({values})"}
        forms |= {"Exists": row["key"], "DoesNotExist": f"!{row['key']}"}
        parts.append(forms[row["operator"]])
    return ",".join(parts)
