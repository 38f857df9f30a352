"""The pods that NetworkPolicies name as peers, the arithmetic: from selectors to EndpointSlices of the policy's own.

Pure.  A node that applies a policy reads the addresses there (`kube.policies`); pods with the same named ports share a
slice, and each slice belongs to the policy, so that it goes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from kube import policies
from master.controllers.endpoints import address_of
from master.controllers.objects import Object, is_ended, key_of, kind, owner_reference

POLICY = kind("networking.k8s.io/v1", "NetworkPolicy")
PER_SLICE = 1000
NAME_LENGTH = 200

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Changes:
    create: tuple[Object, ...] = ()
    update: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()


def named(policy: Object, group: policies.Group, pod: Object, namespace: Labels) -> bool:
    """Whether the group of this policy means the pod; a pod with its node's address is nobody's peer."""
    meta = pod["metadata"]
    own = meta["namespace"] == policy["metadata"]["namespace"]
    return not pod["spec"].get("hostNetwork") and group.matches(own=own, namespace=namespace, pod=meta.get("labels"))


def slices(policy: Object, pods: Iterable[Object], namespaces: Mapping[str, Labels]) -> list[Object]:
    """The slices that tell who the policy's peers are; `namespaces` are labels by name."""
    with_ports = policies.uses_named_ports(policy)
    living = [(pod, address_of(pod, "IPv4")) for pod in pods if not is_ended(pod)]
    made = []
    for key, group in sorted(policies.groups(policy).items()):
        by_ports: dict[bytes, set[str]] = {}
        for pod, address in living:
            if address and named(policy, group, pod, namespaces.get(pod["metadata"]["namespace"], {})):
                listened = policies.named_ports(pod["spec"].get("ports") or ()) if with_ports else ()
                by_ports.setdefault(orjson.dumps(listened), set()).add(address)
        for ports, addresses in sorted(by_ports.items()):
            made += _cut(policy, key, orjson.loads(ports), sorted(addresses))
    return made


def _cut(policy: Object, key: str, ports: list[tuple[str, str, int]], addresses: list[str]) -> list[Object]:
    return [
        _slice(policy, key, ports, at, addresses[at : at + PER_SLICE]) for at in range(0, len(addresses), PER_SLICE)
    ]


def _slice(policy: Object, key: str, ports: list[tuple[str, str, int]], at: int, addresses: list[str]) -> Object:
    meta = policy["metadata"]
    what = hashlib.sha256(orjson.dumps([meta["name"], key, ports, at])).hexdigest()[:10]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{meta['name'][:NAME_LENGTH].rstrip('.-')}-{what}",
            "namespace": meta["namespace"],
            "labels": {policies.GROUP_LABEL: key, policies.MANAGED_BY: policies.MANAGER},
            "ownerReferences": [owner_reference(POLICY, policy)],
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "protocol": protocol, "port": number} for name, protocol, number in ports],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
    }


def plan(wanted: Iterable[Object], present: Iterable[Object]) -> Changes:
    """What turns the slices that are there into those that are wanted."""
    have = {key_of(item): item for item in present}
    create, update = [], []
    for item in wanted:
        old = have.pop(key_of(item), None)
        if old is None:
            create.append(item)
        elif _content(old) != _content(item):
            version = old["metadata"]["resourceVersion"]
            update.append({**item, "metadata": {**item["metadata"], "resourceVersion": version}})
    return Changes(tuple(create), tuple(update), tuple(have.values()))


def _content(item: Object) -> tuple[object, ...]:
    addresses = [endpoint["addresses"] for endpoint in item.get("endpoints") or ()]
    return addresses, item.get("ports") or [], item["metadata"].get("labels")
