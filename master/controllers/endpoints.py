"""The addresses behind a Service, the arithmetic: from pods to endpoints, EndpointSlices and the older Endpoints.

Pure.  `endpoints_of` says what each selected pod offers, `slices` packs them into slices of at most a hundred, changing
as few of the present ones as it can, `legacy` writes the same as one Endpoints object.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from master.controllers.objects import Object, is_deleting, is_ended, is_ready, kind

SERVICE = kind("v1", "Service")
ENDPOINTS = kind("v1", "Endpoints")
SLICE = kind("discovery.k8s.io/v1", "EndpointSlice")
PER_SLICE = 100
LEGACY_LIMIT = 1000
MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
HEADLESS = "service.kubernetes.io/headless"
CHANGED = "endpoints.kubernetes.io/last-change-trigger-time"
SAME_NODE = "PreferSameNode"
NEAR = frozenset(("PreferClose", "PreferSameZone", SAME_NODE))
"""What `trafficDistribution` may say; the first is the older word for the second (KEP-3015)."""
ZONE = "topology.kubernetes.io/zone"


class SlicePlan(NamedTuple):
    create: tuple[Object, ...] = ()
    update: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()


def families(service: Object) -> list[str]:
    return list(service["spec"].get("ipFamilies") or ["IPv4"])


def is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def address_of(pod: Object, family: str) -> str:
    status = pod.get("status") or {}
    found = [item["ip"] for item in status.get("podIPs") or ()] or [status.get("podIP", "")]
    return next((address for address in found if address and (":" in address) == (family == "IPv6")), "")


def target_port(port: Object, pod: Object) -> int | None:
    """The number of a Service's port on this pod; None when the pod has no port of that name."""
    target = port.get("targetPort") or port["port"]
    if isinstance(target, int):
        return target
    for offered in pod["spec"].get("ports") or ():
        if offered.get("name") == target and offered.get("protocol", "TCP") == port.get("protocol", "TCP"):
            return int(offered["containerPort"])
    return None


def ports_of(service: Object, pod: Object) -> list[Object]:
    found = []
    for port in service["spec"].get("ports") or ():
        number = target_port(port, pod)
        if number is not None:
            kept = {name: port[name] for name in ("appProtocol",) if port.get(name)}
            found.append(
                {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number, **kept}
            )
    return found


def endpoint_of(service: Object, pod: Object, address: str, zone: str) -> Object:
    ready, deleting = is_ready(pod), is_deleting(pod)
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    endpoint: Object = {
        "addresses": [address],
        "conditions": {"ready": published or (ready and not deleting), "serving": ready, "terminating": deleting},
        "targetRef": _reference(pod),
    }
    if pod["spec"].get("nodeName"):
        endpoint["nodeName"] = pod["spec"]["nodeName"]
    if zone:
        endpoint["zone"] = zone
    if hostname := _hostname(service, pod):
        endpoint["hostname"] = hostname
    return endpoint | hints(service, endpoint)


def hints(service: Object, endpoint: Object) -> Object:
    """Who should use an endpoint, where the Service prefers what is near: its zone, and first of all its node."""
    wish, found = service["spec"].get("trafficDistribution"), {}
    if wish in NEAR and endpoint.get("zone"):
        found["forZones"] = [{"name": endpoint["zone"]}]
    if wish == SAME_NODE and endpoint.get("nodeName"):
        found["forNodes"] = [{"name": endpoint["nodeName"]}]
    return {"hints": found} if found else {}


def _reference(pod: Object) -> Object:
    meta = pod["metadata"]
    return {"kind": "Pod", "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"]}


def _hostname(service: Object, pod: Object) -> str:
    if pod["spec"].get("subdomain") != service["metadata"]["name"]:
        return ""
    return str(pod["spec"].get("hostname") or "")


def offering(pods: Iterable[Object], family: str) -> list[tuple[Object, str]]:
    """The pods that have an address and have not ended, with it, in a stable order."""
    found = [(pod, address_of(pod, family)) for pod in pods if not is_ended(pod)]
    return sorted(((pod, address) for pod, address in found if address), key=lambda pair: pair[0]["metadata"]["name"])


def slices(service: Object, pods: Iterable[Object], zones: dict[str, str], present: Sequence[Object]) -> SlicePlan:
    """What to change so that the Service's slices say what its pods offer."""
    pods = list(pods)
    groups: dict[tuple[str, bytes], list[Object]] = {}
    for family in families(service):
        groups.setdefault((family, orjson.dumps([])), [])
        for pod, address in offering(pods, family):
            key = (family, orjson.dumps(ports_of(service, pod)))
            zone = zones.get(pod["spec"].get("nodeName", ""), "")
            groups.setdefault(key, []).append(endpoint_of(service, pod, address, zone))
    _drop_needless_empties(groups)
    free = [item for item in present if not is_deleting(item)]
    create: list[Object] = []
    update: list[Object] = []
    for (family, ports), wanted in groups.items():
        made, changed = _pack(service, family, orjson.loads(ports), wanted, free)
        create += made
        update += changed
    return SlicePlan(tuple(create), tuple(update), tuple(free))


def _drop_needless_empties(groups: dict[tuple[str, bytes], list[Object]]) -> None:
    """A family without endpoints keeps one empty slice; one with endpoints needs none."""
    families_served = {family for (family, _ports), wanted in groups.items() if wanted}
    for key in [key for key, wanted in groups.items() if not wanted and key[0] in families_served]:
        del groups[key]


def _pack(
    service: Object, family: str, ports: list[Object], wanted: list[Object], free: list[Object]
) -> tuple[list[Object], list[Object]]:
    """Slices to make and to change for one group; takes those it uses out of `free`."""
    mine = [item for item in free if item["addressType"] == family and (item.get("ports") or []) == ports]
    waiting = {orjson.dumps(endpoint["targetRef"]["uid"]): endpoint for endpoint in wanted}
    contents: list[tuple[Object, list[Object]]] = []
    for item in mine:
        kept = []
        for endpoint in item.get("endpoints") or ():
            new = waiting.pop(orjson.dumps((endpoint.get("targetRef") or {}).get("uid")), None)
            if new is not None:
                kept.append(new)
        contents.append((item, kept))
    left = list(waiting.values())
    contents.sort(key=lambda pair: len(pair[1]), reverse=True)
    for _item, kept in contents:
        room = PER_SLICE - len(kept)
        kept += left[:room]
        left = left[room:]
    used = [(item, kept) for item, kept in contents if kept] or contents[: 0 if left else 1]
    for item, _kept in used:
        free.remove(item)
    meta = slice_labels(service)
    changed = [
        _changed(item, kept, meta)
        for item, kept in used
        if (item.get("endpoints") or []) != kept or (item["metadata"].get("labels") or {}) != meta
    ]
    groups = [left[at : at + PER_SLICE] for at in range(0, len(left), PER_SLICE)]
    if not groups and not used:
        groups = [[]]
    return [_new_slice(service, family, ports, endpoints, meta) for endpoints in groups], changed


def slice_labels(service: Object) -> dict[str, str]:
    meta = service["metadata"]
    labels = {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER}
    labels.pop(HEADLESS, None)
    return labels | ({HEADLESS: ""} if is_headless(service) else {})


def _changed(item: Object, endpoints: list[Object], labels: dict[str, str]) -> Object:
    return {**item, "metadata": {**item["metadata"], "labels": labels}, "endpoints": endpoints}


def _new_slice(
    service: Object, family: str, ports: list[Object], endpoints: list[Object], labels: dict[str, str]
) -> Object:
    meta = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": meta["name"] + "-",
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner(service)],
        },
        "addressType": family,
        "ports": ports,
        "endpoints": endpoints,
    }


def owner(service: Object) -> Object:
    meta = service["metadata"]
    reference = {"apiVersion": "v1", "kind": "Service", "name": meta["name"], "uid": meta["uid"]}
    return {**reference, "controller": True, "blockOwnerDeletion": True}


def legacy(service: Object, pods: Iterable[Object]) -> Object:
    """The Endpoints object: the first address family, ready and not ready apart, pods grouped by their ports."""
    groups: dict[bytes, dict[str, list[Object]]] = {}
    for pod, address in offering(pods, families(service)[0])[:LEGACY_LIMIT]:
        if is_deleting(pod):
            continue
        usable = is_ready(pod) or bool(service["spec"].get("publishNotReadyAddresses"))
        ports = [_legacy_port(port) for port in ports_of(service, pod)]
        if not ports and not is_headless(service):
            continue
        group = groups.setdefault(orjson.dumps(ports), {})
        group.setdefault("addresses" if usable else "notReadyAddresses", []).append(
            _legacy_address(service, pod, address)
        )
    subsets: list[dict[str, Any]] = [
        {**addresses, **({"ports": orjson.loads(ports)} if ports != b"[]" else {})}
        for ports, addresses in sorted(groups.items())
    ]
    meta = service["metadata"]
    labels = {**(meta.get("labels") or {}), "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    if is_headless(service):
        labels[HEADLESS] = ""
    wanted: Object = {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "labels": labels},
    }
    return wanted | ({"subsets": subsets} if subsets else {})


def _legacy_port(port: Object) -> Object:
    return {name: value for name, value in port.items() if value != ""}


def _legacy_address(service: Object, pod: Object, address: str) -> Object:
    entry: Object = {"ip": address, "targetRef": _reference(pod)}
    if pod["spec"].get("nodeName"):
        entry["nodeName"] = pod["spec"]["nodeName"]
    if hostname := _hostname(service, pod):
        entry["hostname"] = hostname
    return entry
