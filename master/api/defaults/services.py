"""Defaults of Services, their endpoints, and the rules of the network."""

from __future__ import annotations

from typing import Any

from master.api.defaults.filling import if_empty, if_missing, within

Object = dict[str, Any]

AFFINITY_SECONDS = 10800
EXTERNAL = ("NodePort", "LoadBalancer")


def service(obj: Object) -> None:
    spec = within(obj, "spec")
    if_empty(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = within(within(spec, "sessionAffinityConfig"), "clientIP")
        if_missing(client, timeoutSeconds=AFFINITY_SECONDS)
    for port in spec.get("ports") or ():
        if_empty(port, protocol="TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if spec["type"] in EXTERNAL or (spec["type"] == "ClusterIP" and spec.get("externalIPs")):
        if_empty(spec, externalTrafficPolicy="Cluster")
    if spec["type"] in ("ClusterIP", *EXTERNAL):
        if_missing(spec, internalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        if_missing(spec, allocateLoadBalancerNodePorts=True)
    balancer = within(within(obj, "status"), "loadBalancer")
    if spec["type"] == "LoadBalancer":
        for entry in balancer.get("ingress") or ():
            if entry.get("ip"):
                if_missing(entry, ipMode="VIP")


def endpoints(obj: Object) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            if_empty(port, protocol="TCP")


def endpoint_slice(obj: Object) -> None:
    if_missing(obj, endpoints=[])
    for endpoint in obj["endpoints"]:
        within(endpoint, "conditions")
    for port in obj.get("ports") or ():
        if_missing(port, name="", protocol="TCP")


def network_policy(obj: Object) -> None:
    spec = within(obj, "spec")
    within(spec, "podSelector")
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in (rule or {}).get("ports") or ():
            if_missing(port, protocol="TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def ingress_class(obj: Object) -> None:
    parameters = within(obj, "spec").get("parameters")
    if parameters is not None:
        if_missing(parameters, scope="Cluster")
