"""A Service's spec before its numbers are given: what a change of type drops, what an update keeps, which families.

Pure functions on specs, changed in place; `old` is None for a create.
"""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

HEADLESS = "None"
WITH_ADDRESS = ("ClusterIP", "NodePort", "LoadBalancer")


def needs_address(spec: Spec) -> bool:
    return spec.get("type", "ClusterIP") in WITH_ADDRESS


def is_headless(spec: Spec) -> bool:
    return spec.get("clusterIP") == HEADLESS


def needs_node_ports(spec: Spec) -> bool:
    kind = spec.get("type")
    return kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False)


def may_have_node_ports(spec: Spec) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def needs_health_port(spec: Spec) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def normalize(spec: Spec, old: Spec | None) -> None:
    """Everything but the numbers themselves."""
    _align_addresses(spec, old)
    if old is not None:
        _drop_by_type(spec, old)
        _keep_numbers(spec, old)
    _fill_families(spec, old)


def _align_addresses(spec: Spec, old: Spec | None) -> None:
    """clusterIP and clusterIPs speak of one thing; a client may change only the older field."""
    address = spec.get("clusterIP", "")
    if old is None:
        if address and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [address]
        return
    before = old.get("clusterIP", "")
    if address != before and spec.get("clusterIPs", []) == old.get("clusterIPs", []):
        if not address:
            spec.pop("clusterIPs", None)
        else:
            spec["clusterIPs"] = [address, *(spec.get("clusterIPs") or [])[1:]]


def _drop_by_type(spec: Spec, old: Spec) -> None:
    """What the old type had and the new one cannot have goes, unless the client has set it anew."""
    if needs_address(old) and not needs_address(spec):
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
            _drop_same(spec, old, field)
    if may_have_node_ports(old) and not may_have_node_ports(spec) and _node_ports(spec) == _node_ports(old):
        for port in spec.get("ports") or ():
            port.pop("nodePort", None)
    if needs_health_port(old) and not needs_health_port(spec):
        _drop_same(spec, old, "healthCheckNodePort")
    if spec.get("type") != "LoadBalancer" and old.get("type") == "LoadBalancer":
        _drop_same(spec, old, "allocateLoadBalancerNodePorts")
        _drop_same(spec, old, "loadBalancerClass")
    if may_have_node_ports(old) and not may_have_node_ports(spec) and not spec.get("externalIPs"):
        _drop_same(spec, old, "externalTrafficPolicy")


def _drop_same(spec: Spec, old: Spec, field: str) -> None:
    if field in spec and spec[field] == old.get(field):
        del spec[field]


def _node_ports(spec: Spec) -> list[int]:
    return sorted(port.get("nodePort", 0) for port in spec.get("ports") or ())


def _keep_numbers(spec: Spec, old: Spec) -> None:
    """An update that does not mention its numbers keeps them."""
    if needs_address(old) and needs_address(spec):
        if not spec.get("clusterIP") and old.get("clusterIP"):
            spec["clusterIP"] = old["clusterIP"]
        if not spec.get("clusterIPs") and spec.get("clusterIP") == old.get("clusterIP") and old.get("clusterIPs"):
            spec["clusterIPs"] = list(old["clusterIPs"])
    if needs_node_ports(old) and needs_node_ports(spec):
        known = {(port.get("protocol"), port.get("port")): port.get("nodePort") for port in old.get("ports") or ()}
        taken = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        for port in spec.get("ports") or ():
            before = known.get((port.get("protocol"), port.get("port")))
            if not port.get("nodePort") and before and before not in taken:
                port["nodePort"] = before
    if needs_health_port(old) and needs_health_port(spec) and not spec.get("healthCheckNodePort"):
        spec["healthCheckNodePort"] = old.get("healthCheckNodePort", 0)


def _fill_families(spec: Spec, old: Spec | None) -> None:
    """One family, IPv4; but the endpoints of a headless Service without a selector are its owner's, of any family."""
    if not needs_address(spec):
        return
    for field in ("ipFamilyPolicy", "ipFamilies"):
        if not spec.get(field) and old and old.get(field) and needs_address(old):
            spec[field] = old[field]
    by_owner = is_headless(spec) and not spec.get("selector")
    if not spec.get("ipFamilyPolicy"):
        spec["ipFamilyPolicy"] = "RequireDualStack" if by_owner else "SingleStack"
    if not spec.get("ipFamilies"):
        spec["ipFamilies"] = ["IPv4"]
    if by_owner and spec["ipFamilyPolicy"] != "SingleStack" and len(spec["ipFamilies"]) == 1:
        spec["ipFamilies"] = [*spec["ipFamilies"], "IPv6" if spec["ipFamilies"] == ["IPv4"] else "IPv4"]
