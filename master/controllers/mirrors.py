"""EndpointSlices that repeat what somebody wrote into the Endpoints of a Service without selector.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from master.controllers.endpoints import ENDPOINTS, MANAGED_BY, SERVICE_NAME, SLICE, SlicePlan
from master.controllers.objects import Object, is_deleting, owner_reference

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
NOT_COPIED = frozenset(
    ("kubectl.kubernetes.io/last-applied-configuration", "endpoints.kubernetes.io/last-change-trigger-time")
)
MOST = 1000
"""The most addresses of a subset that are repeated."""


def is_mirrored(endpoints: Object | None, service: Object | None) -> bool:
    """Whether the Service leaves its endpoints to whoever writes them."""
    if endpoints is None or service is None or is_deleting(endpoints) or service["spec"].get("selector"):
        return False
    meta = endpoints["metadata"]
    skipped = (meta.get("labels") or {}).get(SKIP) == "true"
    return not skipped and LEADER not in (meta.get("annotations") or {})


def plan(endpoints: Object, present: Sequence[Object]) -> SlicePlan:
    """What to change so that the slices repeat the Endpoints."""
    left = {_key(item): item for item in present}
    doubles = [item for item in present if left[_key(item)] is not item]
    create, update = [], []
    for wanted in slices(endpoints):
        found = left.pop(_key(wanted), None)
        if found is None:
            create.append(wanted)
        elif _content(found) != _content(wanted):
            meta = {**found["metadata"], **{name: wanted["metadata"][name] for name in ("labels", "annotations")}}
            update.append({**found, **wanted, "metadata": meta})
    return SlicePlan(tuple(create), tuple(update), (*left.values(), *doubles))


def slices(endpoints: Object) -> list[Object]:
    """One for each address family and set of ports."""
    groups: dict[tuple[str, bytes], list[Object]] = {}
    for subset in endpoints.get("subsets") or ():
        ports = orjson.dumps([_port(port) for port in subset.get("ports") or ()])
        ready = [_endpoint(address, ready=True) for address in subset.get("addresses") or ()]
        waiting = [_endpoint(address, ready=False) for address in subset.get("notReadyAddresses") or ()]
        for endpoint in (ready + waiting)[:MOST]:
            family = "IPv6" if ":" in endpoint["addresses"][0] else "IPv4"
            groups.setdefault((family, ports), []).append(endpoint)
    return [_slice(endpoints, family, orjson.loads(ports), found) for (family, ports), found in groups.items()]


def _port(port: Object) -> Object:
    kept = {"name": port.get("name", ""), "port": port["port"], "protocol": port.get("protocol", "TCP")}
    return kept | ({"appProtocol": port["appProtocol"]} if port.get("appProtocol") else {})


def _endpoint(address: Object, *, ready: bool) -> Object:
    kept = {name: address[name] for name in ("hostname", "nodeName", "targetRef") if address.get(name)}
    return {"addresses": [address["ip"]], "conditions": {"ready": ready}, **kept}


def _slice(endpoints: Object, family: str, ports: Sequence[Object], found: list[Object]) -> Object:
    meta = endpoints["metadata"]
    labels = {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: MANAGER}
    head = {"generateName": meta["name"] + "-", "namespace": meta["namespace"], "labels": labels}
    head["annotations"] = {
        name: value for name, value in (meta.get("annotations") or {}).items() if name not in NOT_COPIED
    }
    head["ownerReferences"] = [owner_reference(ENDPOINTS, endpoints)]
    body = {"addressType": family, "ports": list(ports), "endpoints": found}
    return {"apiVersion": SLICE.api_version, "kind": SLICE.kind, "metadata": head, **body}


def _key(item: Object) -> tuple[str, bytes]:
    ports = [_port(port) for port in item.get("ports") or ()]
    return item["addressType"], orjson.dumps(ports)


def _content(item: Object) -> tuple[Object, Object, list[Object]]:
    meta = item["metadata"]
    return meta.get("labels") or {}, meta.get("annotations") or {}, item.get("endpoints") or []
