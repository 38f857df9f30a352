"""Ingresses, their classes, network policies, and the objects that stand for address ranges."""

from __future__ import annotations

import ipaddress

from kube import names
from master.api.validation.addresses import cidr
from master.api.validation.labels import check_selector
from master.api.validation.metadata import IMMUTABLE
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, check, each, one_of, optional, pointer, port_number, required

SPEC = ROOT / "spec"
NO_RULES = "either `defaultBackend` or `rules` must be specified"
PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
NOT_AT_END = ("/..", "/.")


# Ingresses


def ingress(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and spec.get("defaultBackend") is None:
        out.invalid(SPEC, spec.get("rules"), NO_RULES)
    for index, tls in enumerate(spec.get("tls") or ()):
        for number, host in enumerate(tls.get("hosts") or ()):
            _host(host, SPEC / "tls" / index / "hosts" / number, out)
        check((optional("secretName", names.dns1123_subdomain),), tls, SPEC / "tls" / index, out)
    if spec.get("defaultBackend") is not None:
        _backend(spec["defaultBackend"], SPEC / "defaultBackend", out)
    for index, rule in enumerate(spec.get("rules") or ()):
        _rule(rule or {}, SPEC / "rules" / index, out)
    check((pointer("ingressClassName", names.dns1123_subdomain),), spec, SPEC, out)


def _host(host: str, at: Path, out: Problems) -> None:
    test = names.wildcard_subdomain if "*" in host else names.dns1123_subdomain
    for detail in test(host):
        out.invalid(at, host, detail)


def _rule(rule: Object, at: Path, out: Problems) -> None:
    if host := rule.get("host"):
        if _is_address(host):
            out.invalid(at / "host", host, "must be a DNS name, not an IP address")
        _host(host, at / "host", out)
    if rule.get("http") is None:
        return
    here = at / "http" / "paths"
    if not rule["http"].get("paths"):
        out.required(here)
    for index, path in enumerate(rule["http"].get("paths") or ()):
        _path(path, here / index, out)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _path(item: Object, at: Path, out: Problems) -> None:
    chosen, path = item.get("pathType"), item.get("path") or ""
    if chosen is None:
        out.required(at / "pathType", "pathType must be specified")
        return
    match chosen:
        case "Exact" | "Prefix":
            _strict_path(path, at / "path", out)
        case "ImplementationSpecific":
            if path and not path.startswith("/"):
                out.invalid(at / "path", path, "must be an absolute path")
        case _:
            out.unsupported(at / "pathType", chosen, PATH_TYPES)
    _backend(item.get("backend") or {}, at / "backend", out)


def _strict_path(path: str, at: Path, out: Problems) -> None:
    if not path.startswith("/"):
        out.invalid(at, path, "must be an absolute path")
    if path:
        for piece in NOT_IN_PATHS:
            if piece in path:
                out.invalid(at, path, f"must not contain '{piece}'")
        for end in NOT_AT_END:
            if path.endswith(end):
                out.invalid(at, path, f"cannot end with '{end}'")


def _backend(backend: Object, at: Path, out: Problems) -> None:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        out.invalid(at, "", "cannot set both resource and service backends")
    elif resource is not None:
        check((required("kind"), required("name")), resource, at / "resource", out)
    elif service is None:
        out.invalid(at, "", "resource or service backend is required")
    else:
        _service(service, at, out)


def _service(service: Object, at: Path, out: Problems) -> None:
    here, port = at / "service", service.get("port") or {}
    check((required("name", names.dns1123_label),), service, here, out)
    name, number = port.get("name"), port.get("number")
    if name and number:
        out.invalid(here, "", "cannot set both port name & port number")
    elif not name and not number:
        out.required(at, "port name or number is required")
    else:
        check((optional("name", names.port_name), optional("number", port_number)), port, here / "port", out)


PARAMETERS = (required("kind"), required("name"), one_of("scope", ("Cluster", "Namespace")))


def _parameters(spec: Object, at: Path, out: Problems) -> None:
    found, here = spec.get("parameters"), at / "parameters"
    if found is None:
        return
    check(PARAMETERS, found, here, out)
    if found.get("scope") == "Namespace" and not found.get("namespace"):
        out.required(here / "namespace", "`parameters.scope` is set to 'Namespace'")
    if found.get("scope") == "Cluster" and found.get("namespace"):
        out.forbidden(here / "namespace", "`parameters.scope` is set to 'Cluster'")


def ingress_class(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((required("controller"), _controller, _parameters), spec, SPEC, out)


def _controller(spec: Object, at: Path, out: Problems) -> None:
    """A path with a domain before it."""
    name = spec.get("controller") or ""
    domain, _, path = name.partition("/")
    if name and not (domain and path):
        out.invalid(at / "controller", name, 'must be a domain-prefixed path (such as "acme.io/foo")')
    elif name:
        for detail in names.dns1123_subdomain(domain):
            out.invalid(at / "controller", domain, detail)


def ingress_class_update(obj: Object, old: Object, out: Problems) -> None:
    controller = (obj.get("spec") or {}).get("controller")
    if controller != (old.get("spec") or {}).get("controller"):
        out.invalid(SPEC / "controller", controller, IMMUTABLE)
    ingress_class(obj, out)


# Network policies

PROTOCOLS = ("TCP", "UDP", "SCTP")
POLICY_TYPES = ("Ingress", "Egress")


def network_policy(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check_selector(spec.get("podSelector") or {}, SPEC / "podSelector", out)
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            here = SPEC / direction / index
            check((each("ports", _policy_port), each(side, _peer)), rule or {}, here, out)
    types = spec.get("policyTypes") or ()
    if len(types) > len(POLICY_TYPES):
        out.invalid(SPEC / "policyTypes", types, "may not specify more than two policyTypes")
        return
    for index, chosen in enumerate(types):
        if chosen not in POLICY_TYPES:
            out.unsupported(SPEC / "policyTypes" / index, chosen, POLICY_TYPES)


def _policy_port(item: Object, at: Path, out: Problems) -> None:
    protocol, port, end = item.get("protocol"), item.get("port"), item.get("endPort")
    if protocol is not None and protocol not in PROTOCOLS:
        out.unsupported(at / "protocol", protocol, PROTOCOLS)
    if isinstance(port, int):
        for detail in port_number(port):
            out.invalid(at / "port", port, detail)
        if end is not None:
            if end < port:
                out.invalid(at / "endPort", port, "must be greater than or equal to `port`")
            for detail in port_number(end):
                out.invalid(at / "endPort", end, detail)
    elif port is not None:
        if end is not None:
            out.invalid(at / "endPort", end, "may not be specified when `port` is non-numeric")
        for detail in names.port_name(port):
            out.invalid(at / "port", port, detail)
    elif end is not None:
        out.invalid(at / "endPort", end, "may not be specified when `port` is not specified")


def _peer(peer: Object, at: Path, out: Problems) -> None:
    selectors = [name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None]
    for name in selectors:
        check_selector(peer[name], at / name, out)
    if peer.get("ipBlock") is not None:
        if selectors:
            out.forbidden(at, "may not specify both ipBlock and another peer")
        _ip_block(peer["ipBlock"], at / "ipBlock", out)
    elif not selectors:
        out.required(at, "must specify a peer")


def _ip_block(block: Object, at: Path, out: Problems) -> None:
    whole = block.get("cidr")
    if not whole:
        out.required(at / "cidr")
        return
    if details := cidr(whole):
        for detail in details:
            out.invalid(at / "cidr", whole, detail)
        return
    outer = ipaddress.ip_network(whole, strict=False)
    for index, part in enumerate(block.get("except") or ()):
        if details := cidr(part):
            for detail in details:
                out.invalid(at / "except" / index, part, detail)
        elif not _inside(part, outer):
            out.invalid(at / "except" / index, part, "must be a strict subset of `cidr`")


def _inside(part: str, outer: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    inner_network = ipaddress.ip_network(part, strict=False)
    same_family = inner_network.version == outer.version
    return same_family and inner_network.prefixlen > outer.prefixlen and inner_network.network_address in outer


# Ranges


def service_cidr(obj: Object, out: Problems) -> None:
    ranges = (obj.get("spec") or {}).get("cidrs") or ()
    if not ranges:
        out.required(SPEC / "cidrs", "at least one CIDR required")
    elif len(ranges) > 2:
        out.invalid(SPEC, obj.get("spec"), "may only hold up to 2 values")
    for index, text in enumerate(ranges):
        for detail in cidr(text):
            out.invalid(SPEC / "cidrs" / index, text, detail)


def ip_address_object(obj: Object, out: Problems) -> None:
    parent = (obj.get("spec") or {}).get("parentRef")
    if parent is None:
        out.required(SPEC / "parentRef")
    else:
        check((required("resource"), required("name")), parent, SPEC / "parentRef", out)
