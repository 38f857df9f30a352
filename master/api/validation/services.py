"""Services: type, ports, addresses; and what a change may not touch."""

from __future__ import annotations

from typing import Any

from kube import names
from master.api.validation.addresses import cidr, ip_address
from master.api.validation.containers import port_or_name
from master.api.validation.labels import check_labels
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, always, check, missing_as, one_of, pointer, pointer_of, port_number

SPEC = ROOT / "spec"
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
AFFINITIES = ("ClientIP", "None")
PROTOCOLS = ("SCTP", "TCP", "UDP")
TRAFFIC = ("Cluster", "Local")
FAMILIES = ("IPv4", "IPv6")
FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
LONGEST_AFFINITY = 86400


def service(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    headless = (spec.get("clusterIP") or "") == "None"
    named = spec.get("type") == "ExternalName"
    if not spec.get("ports") and not headless and not named:
        out.required(SPEC / "ports")
    _of_type(spec, headless, out)
    _ports(spec, headless, out)
    if spec.get("selector"):
        check_labels(spec["selector"], SPEC / "selector", out)
    check(CHOICES[:1], spec, SPEC, out)
    _affinity(spec, out)
    _addresses(spec, out)
    check(CHOICES[1:], spec, SPEC, out)
    _external_traffic(spec, out)
    _unique_node_ports(spec, out)
    _unique_ports(spec, out)
    _load_balancer(spec, out)


CHOICES = (
    one_of("sessionAffinity", AFFINITIES, missing="required"),
    one_of("type", TYPES, missing="required"),
    pointer_of("ipFamilyPolicy", FAMILY_POLICIES),
    pointer_of("internalTrafficPolicy", TRAFFIC),
    pointer_of("trafficDistribution", ("PreferClose", "PreferSameNode", "PreferSameZone")),
)


def _of_type(spec: Object, headless: bool, out: Problems) -> None:
    match spec.get("type"):
        case "LoadBalancer":
            for index, port in enumerate(spec.get("ports") or ()):
                if port.get("port") == 10250:
                    said = "may not expose port 10250 externally since it is used by kubelet"
                    out.invalid(SPEC / "ports" / index, port, said)
            _never_headless(headless, "LoadBalancer", out)
        case "NodePort":
            _never_headless(headless, "NodePort", out)
        case "ExternalName":
            _external_name(spec, out)


def _never_headless(headless: bool, kind: str, out: Problems) -> None:
    if headless:
        out.invalid((SPEC / "clusterIPs") / 0, "None", f"may not be set to 'None' for {kind} services")


def _external_name(spec: Object, out: Problems) -> None:
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name):
            out.forbidden(SPEC / name, "may not be set for ExternalName services")
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        out.required(SPEC / "externalName")
    else:
        for detail in names.dns1123_subdomain(name):
            out.invalid(SPEC / "externalName", name, detail)


# Ports


def _ports(spec: Object, headless: bool, out: Problems) -> None:
    ports = spec.get("ports") or ()
    seen: set[str] = set()
    for index, port in enumerate(ports):
        here = SPEC / "ports" / index
        _port_name(port.get("name") or "", len(ports) > 1, seen, here, out)
        check(PORT, port, here, out)
        if spec.get("type") in {"ClusterIP", "ExternalName"} and port.get("nodePort"):
            out.forbidden(here / "nodePort", f"may not be used when `type` is '{spec['type']}'")


def _port_name(name: str, needed: bool, seen: set[str], here: Path, out: Problems) -> None:
    if not name:
        if needed:
            out.required(here / "name")
        return
    for detail in names.dns1123_label(name):
        out.invalid(here / "name", name, detail)
    if name in seen:
        out.duplicate(here / "name", name)
    seen.add(name)


PORT = (
    always("port", 0, port_number),
    one_of("protocol", PROTOCOLS, missing="required"),
    missing_as("targetPort", 0, port_or_name),
    pointer("appProtocol", names.qualified_name),
)


def _unique_node_ports(spec: Object, out: Problems) -> None:
    taken: set[tuple[Any, Any]] = set()
    for index, port in enumerate(spec.get("ports") or ()):
        if not (number := port.get("nodePort")):
            continue
        claim = (port.get("protocol"), number)
        if claim in taken:
            out.duplicate(SPEC / "ports" / index / "nodePort", number)
        taken.add(claim)


def _unique_ports(spec: Object, out: Problems) -> None:
    taken: set[tuple[Any, Any]] = set()
    for index, port in enumerate(spec.get("ports") or ()):
        claim = (port.get("protocol"), port.get("port"))
        if claim in taken:
            out.duplicate(SPEC / "ports" / index, _port_in_go(*claim))
        taken.add(claim)


def _port_in_go(protocol: Any, port: Any) -> Object:
    return {"Name": "", "Protocol": protocol, "AppProtocol": None, "Port": port, "TargetPort": 0, "NodePort": 0}


# Addresses and policies


def _affinity(spec: Object, out: Problems) -> None:
    config = spec.get("sessionAffinityConfig")
    if spec.get("sessionAffinity") == "None" and config is not None:
        said = "must not be set when session affinity is None"
        out.forbidden(SPEC / "sessionAffinityConfig", said)
    if spec.get("sessionAffinity") != "ClientIP":
        return
    seconds = ((config or {}).get("clientIP") or {}).get("timeoutSeconds")
    where = SPEC / "sessionAffinityConfig" / "clientIP" / "timeoutSeconds"
    if seconds is None:
        out.required(where)
    elif not 0 < seconds <= LONGEST_AFFINITY:
        out.invalid(where, seconds, f"must be greater than 0 and less than {LONGEST_AFFINITY}")


def _addresses(spec: Object, out: Problems) -> None:
    if spec.get("type") != "ExternalName":
        addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
        for index, address in enumerate(addresses):
            for detail in ip_address(address) if address != "None" else ():
                out.invalid(SPEC / "clusterIPs" / index, address, detail)
        _primary(spec, addresses, out)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        for detail in ip_address(address):
            out.invalid(SPEC / "externalIPs" / index, address, detail)


def _primary(spec: Object, addresses: list[str], out: Problems) -> None:
    first = spec.get("clusterIP") or ""
    if addresses and first != addresses[0]:
        out.invalid(SPEC / "clusterIPs", addresses, "first value must match `clusterIP`")
    if len(addresses) > 2:
        out.invalid(SPEC / "clusterIPs", addresses, "may only hold up to 2 values")
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in FAMILIES:
            out.unsupported(SPEC / "ipFamilies" / index, family, FAMILIES)


def _external_traffic(spec: Object, out: Problems) -> None:
    policy = spec.get("externalTrafficPolicy")
    external = spec.get("type") in {"NodePort", "LoadBalancer"} or bool(spec.get("externalIPs"))
    here = SPEC / "externalTrafficPolicy"
    if not external:
        if policy:
            out.invalid(here, policy, "may only be set for externally-accessible services")
    elif not policy:
        out.required(here, "must be set for externally-accessible services")
    elif policy not in TRAFFIC:
        out.unsupported(here, policy, TRAFFIC)
    check_port = spec.get("healthCheckNodePort") or 0
    if check_port and not (spec.get("type") == "LoadBalancer" and policy == "Local"):
        said = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        out.invalid(SPEC / "healthCheckNodePort", check_port, said)


def _load_balancer(spec: Object, out: Problems) -> None:
    balanced = spec.get("type") == "LoadBalancer"
    for index, source in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        for detail in cidr(source.strip()):
            out.invalid(SPEC / "loadBalancerSourceRanges" / index, source, detail)
    if spec.get("loadBalancerSourceRanges") and not balanced:
        out.forbidden(SPEC / "LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'")
    for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
        if spec.get(name) is not None and not balanced:
            out.forbidden(SPEC / name, "may only be used when `type` is 'LoadBalancer'")


# Updates


def service_update(obj: Object, old: Object, out: Problems) -> None:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    if spec.get("type") != "ExternalName" and before.get("type") != "ExternalName":
        _fixed_addresses(spec, before, out)
    chosen = before.get("loadBalancerClass")
    still_balanced = spec.get("type") == before.get("type") == "LoadBalancer"
    if chosen and still_balanced and spec.get("loadBalancerClass") != chosen:
        out.invalid(SPEC / "loadBalancerClass", spec.get("loadBalancerClass"), "may not change once set")
    service(obj, out)


def _fixed_addresses(spec: Object, before: Object, out: Problems) -> None:
    """The first address never changes; a second may come and go with the policy."""
    had, has = before.get("clusterIPs") or [], spec.get("clusterIPs") or []
    if not had or not had[0]:
        return
    if not has or has[0] != had[0]:
        out.invalid(SPEC / "clusterIPs" / 0, has, "may not change once set")
    elif len(had) > 1 and len(has) > 1 and has[1] != had[1]:
        out.invalid(SPEC / "clusterIPs" / 1, has, "may not change once set")
    families, kept = before.get("ipFamilies") or [], spec.get("ipFamilies") or []
    if families and kept and families[0] != kept[0]:
        out.invalid(SPEC / "ipFamilies" / 0, kept, "may not change once set")
