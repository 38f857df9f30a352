"""The cells of what routes: Services, endpoints, ingresses."""

from __future__ import annotations

from typing import Any

from master.api.tables.cells import NONE, UNSET, some, value

Object = dict[str, Any]


def external(service: Object) -> str:
    spec = service.get("spec") or {}
    kind, addresses = spec.get("type"), list(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return spec.get("externalName") or NONE
    if kind == "LoadBalancer":
        balancers = balanced(service)
        return ",".join([*([balancers] if balancers else []), *addresses]) or "<pending>"
    return ",".join(addresses) or NONE


def balanced(obj: Object) -> str:
    """The addresses or names that a load balancer reported."""
    listed = value(obj, "status.loadBalancer.ingress") or ()
    return ",".join(one.get("ip") or one.get("hostname") or "" for one in listed)


def ports(service: Object) -> str:
    listed = []
    for port in value(service, "spec.ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        listed.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(listed) or NONE


def endpoints(obj: Object) -> str:
    listed: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [one["ip"] for one in subset.get("addresses") or ()]
        numbers = [str(port["port"]) for port in subset.get("ports") or ()]
        listed += [_pair(ip, port) for port in numbers for ip in addresses] if numbers else addresses
    return some(listed)


def _pair(ip: str, port: str) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def slice_ports(obj: Object) -> str:
    return some((str(port.get("port", "*")) for port in obj.get("ports") or ()), UNSET)


def slice_endpoints(obj: Object) -> str:
    return some((ip for endpoint in obj.get("endpoints") or () for ip in endpoint.get("addresses") or ()), UNSET)


def hosts(ingress: Object) -> str:
    listed = [rule["host"] for rule in value(ingress, "spec.rules") or () if rule.get("host")]
    return some(listed, "*")


def ingress_ports(ingress: Object) -> str:
    return "80, 443" if value(ingress, "spec.tls") else "80"


def parameters(ingress_class: Object) -> str:
    found = value(ingress_class, "spec.parameters")
    if not found:
        return NONE
    group = f".{found['apiGroup']}" if found.get("apiGroup") else ""
    return f"{found['kind']}{group}/{found['name']}"


def parent(address: Object) -> str:
    found = value(address, "spec.parentRef") or {}
    group = f".{found['group']}" if found.get("group") else ""
    path = [f"{found.get('resource', '')}{group}", found.get("namespace", ""), found.get("name", "")]
    return "/".join(part for part in path if part)
