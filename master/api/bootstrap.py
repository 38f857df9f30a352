"""What the API server makes by itself: the first namespaces, default roles, the `kubernetes` Service and its endpoints.

How it works: `ensure_defaults` runs at each start and makes what is missing; default roles and bindings are reconciled
(what upstream's version grants is added, what people added stays, and `autoupdate: "false"` is heeded).
`publish_masters` names the masters behind the `kubernetes` Service, whenever they change.
"""

from __future__ import annotations

import asyncio
import copy
import ipaddress
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from kube.errors import ApiError
from kube.kinds import Kind, kind_of, known
from master.api import default_objects
from master.api.contract import Object
from master.api.rows import ENDPOINT_SLICE, ENDPOINTS

log = logging.getLogger(__name__)

HEARTBEATS = "kube-node-lease"
NAMESPACES = ("default", "kube-system", "kube-public", HEARTBEATS)
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
BOOTSTRAPPING = {"kubernetes.io/bootstrapping": "wherry"}
RBAC = "rbac.authorization.k8s.io"
CONTROLLER_ROLES = "system:controller:"
SERVICE_PORT = 443
CONFIG_MAP = known("v1", "ConfigMap")
REQUEST_HEADERS = {
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-username-headers": '["X-Remote-User"]',
}


LOCAL_PATHS: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local-path", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "wherry.dev/local-path",
    "reclaimPolicy": "Delete",
    "volumeBindingMode": "WaitForFirstConsumer",
    "allowVolumeExpansion": True,
}
"""Directories on the node where the pod goes: what a claim gets that names no class."""
REMOVING = {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["delete"]}
"""The controllers have a node remove the directory of a volume that is given back."""


class Objects(Protocol):
    """The registry, as far as this needs it; writes do everything a client's do."""

    async def find(self, kind: Kind, namespace: str, name: str) -> Any: ...
    async def create(self, kind: Kind, namespace: str, obj: Object) -> Any: ...
    async def update(self, kind: Kind, namespace: str, name: str, change: Callable[[Object | None], Object]) -> Any: ...


async def ensure_defaults(objects: Objects, service_cidr: str, api_port: int, ca: str, front_proxy: str = "") -> None:
    """`ca` is the cluster's authority, PEM; `front_proxy` that of the certificate which extension servers are asked with."""
    defaults = default_objects.read()
    authentication = authentication_config(ca, front_proxy)
    others = [service_range(service_cidr), kubernetes_service(service_cidr, api_port), authentication]
    await _ensure(objects, [namespace(name) for name in NAMESPACES])
    await _ensure(objects, [*defaults, *own_objects(defaults), *others])
    await objects.update(CONFIG_MAP, "kube-system", authentication["metadata"]["name"], _replaced(authentication))


async def _ensure(objects: Objects, wanted: Iterable[Object]) -> None:
    """All at once: their writes share the store's flushes to the disk."""
    async with asyncio.TaskGroup() as tasks:
        for obj in wanted:
            tasks.create_task(_ensure_one(objects, obj))


async def _ensure_one(objects: Objects, obj: Object) -> None:
    if not await create_if_missing(objects, obj) and obj["apiVersion"].startswith(RBAC):
        await _reconcile(objects, obj)


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


async def create_if_missing(objects: Objects, obj: Object) -> bool:
    """Whether it was missing."""
    kind, meta = kind_of(obj), obj["metadata"]
    namespace = meta.get("namespace", "")
    if await objects.find(kind, namespace, meta["name"]) is not None:
        return False
    try:
        await objects.create(kind, namespace, copy.deepcopy(obj))
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
        return False
    return True


def own_objects(defaults: Iterable[Object]) -> list[Object]:
    """What only wherry has.

    All controllers are one process and one user here, so that user is bound to the rules of all their roles.  An agent is
    proxy and names' server too, so nodes may read what kube-proxy reads, and the policies they apply.  A node renews its
    own certificate.  The scheduler reads the nodes' load off their heartbeats.
    """
    rules = [
        rule
        for obj in defaults
        if obj["kind"] == "ClusterRole" and obj["metadata"]["name"].startswith(CONTROLLER_ROLES)
        for rule in obj["rules"]
    ]
    renewal = {"apiGroups": ["certificates.k8s.io"], "verbs": ["create"]}
    renewal |= {"resources": ["certificatesigningrequests/selfnodeclient"]}
    isolation = {
        "apiGroups": ["networking.k8s.io"],
        "resources": ["networkpolicies"],
        "verbs": ["get", "list", "watch"],
    }
    names = {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["get", "list", "watch"],
        "resourceNames": ["kube-dns"],
    }
    heartbeats = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "list", "watch"]}
    return [
        LOCAL_PATHS,
        _cluster_role("wherry:controllers", [*rules, REMOVING]),
        _cluster_role("wherry:node-renewal", [renewal]),
        _cluster_role("wherry:node-policies", [isolation]),
        _binding("wherry:controllers", "wherry:controllers", "User", "system:kube-controller-manager"),
        _binding("wherry:node-proxier", "system:node-proxier", "Group", "system:nodes"),
        _binding("wherry:node-renewal", "wherry:node-renewal", "Group", "system:nodes"),
        _binding("wherry:node-policies", "wherry:node-policies", "Group", "system:nodes"),
        _within("kube-system", _cluster_role("wherry:names", [names])),
        _within("kube-system", _binding("wherry:names", "wherry:names", "Group", "system:nodes")),
        _within(HEARTBEATS, _cluster_role("wherry:heartbeats", [heartbeats])),
        _within(HEARTBEATS, _binding("wherry:heartbeats", "wherry:heartbeats", "User", "system:kube-scheduler")),
    ]


def _cluster_role(name: str, rules: list[Object]) -> Object:
    return {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": _own(name), "rules": rules}


def _binding(name: str, role: str, subject_kind: str, subject: str) -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": _own(name),
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": subject_kind, "apiGroup": RBAC, "name": subject}],
    }


def _within(namespace: str, wide: Object) -> Object:
    """The same role or binding, in force in one namespace only."""
    obj = wide | {"kind": wide["kind"].removeprefix("Cluster"), "metadata": wide["metadata"] | {"namespace": namespace}}
    if "roleRef" in obj:
        obj["roleRef"] = wide["roleRef"] | {"kind": wide["roleRef"]["kind"].removeprefix("Cluster")}
    return obj


def _own(name: str) -> Object:
    return {"name": name, "labels": dict(BOOTSTRAPPING), "annotations": {AUTOUPDATE: "true"}}


async def _reconcile(objects: Objects, wanted: Object) -> None:
    """Adds the rules or subjects that are missing; an unchanged object is not written."""
    field = "subjects" if wanted["kind"].endswith("Binding") else "rules"

    def change(present: Object | None) -> Object:
        obj = present if present is not None else wanted
        if (obj["metadata"].get("annotations") or {}).get(AUTOUPDATE, "true") != "true":
            return obj
        have = obj.get(field) or []
        missing = [item for item in wanted.get(field) or [] if item not in have]
        return obj | {field: [*have, *missing]} if missing else obj

    await objects.update(kind_of(wanted), wanted["metadata"].get("namespace", ""), wanted["metadata"]["name"], change)


def service_range(service_cidr: str) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": [service_cidr]},
    }


def kubernetes_service(service_cidr: str, api_port: int) -> Object:
    """`default/kubernetes`: the first address of the range, in front of the masters."""
    port = {"name": "https", "protocol": "TCP", "port": SERVICE_PORT, "targetPort": api_port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _kubernetes({"component": "apiserver", "provider": "kubernetes"}),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": first_address(service_cidr),
            "ipFamilyPolicy": "SingleStack",
            "ports": [port],
            "sessionAffinity": "None",
        },
    }


async def ensure_names(objects: Objects, address: str) -> None:
    """The Service of the names' server; a cluster in which somebody else has its address goes on without."""
    try:
        await create_if_missing(objects, names_service(address))
    except ApiError as error:
        if error.reason != "Invalid":
            raise
        log.warning("kube-system/kube-dns cannot have its address: %s", error)


def names_service(address: str) -> Object:
    """`kube-system/kube-dns`, for who looks for it by name or label: each node answers at its address by itself."""
    labels = {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    ports = [{"name": n, "protocol": p, "port": 53, "targetPort": 53} for n, p in (("dns", "UDP"), ("dns-tcp", "TCP"))]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": labels},
        "spec": {"type": "ClusterIP", "clusterIP": address, "ports": ports},
    }


def first_address(service_cidr: str) -> str:
    return str(ipaddress.ip_network(service_cidr)[1])


def authentication_config(ca: str, front_proxy: str = "") -> Object:
    """What an extension API server reads to believe the certificates that clients and this server show it."""
    metadata = {"name": "extension-apiserver-authentication", "namespace": "kube-system"}
    headers = {"requestheader-client-ca-file": front_proxy, **REQUEST_HEADERS} if front_proxy else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"client-ca-file": ca} | headers}


async def publish_masters(objects: Objects, addresses: Iterable[str], port: int) -> None:
    """Brings Endpoints and EndpointSlice of `default/kubernetes` to these masters; a second run writes nothing.

    A loopback address is nobody's endpoint and is left out.
    """
    found = sorted({address for address in addresses if not ipaddress.ip_address(address).is_loopback})
    for kind, wanted in ((ENDPOINTS, endpoints(found, port)), (ENDPOINT_SLICE, endpoint_slice(found, port))):
        if not await create_if_missing(objects, wanted):
            await objects.update(kind, "default", "kubernetes", _replaced(wanted))


def _replaced(wanted: Object) -> Callable[[Object | None], Object]:
    return lambda present: (present or {}) | {key: value for key, value in wanted.items() if key != "metadata"}


def endpoints(addresses: list[str], port: int) -> Object:
    subset = {
        "addresses": [{"ip": address} for address in addresses],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": _kubernetes(labels),
        "subsets": [subset] if addresses else [],
    }


def endpoint_slice(addresses: list[str], port: int) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": _kubernetes({"kubernetes.io/service-name": "kubernetes"}),
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }


def _kubernetes(labels: dict[str, str]) -> Object:
    return {"name": "kubernetes", "namespace": "default", "labels": labels}
