"""Pods and pod templates: the whole of a PodSpec."""

from __future__ import annotations

from kube import names
from master.api.validation.addresses import ip_address, ip_addresses
from master.api.validation.containers import PROBES, container_rules
from master.api.validation.ephemeral import ephemeral_containers
from master.api.validation.labels import labels
from master.api.validation.metadata import check_mutable
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.resources import check_amount, check_requirements, check_resource_name
from master.api.validation.rules import (
    Object,
    Rules,
    between,
    check,
    each,
    one_of,
    optional,
    pointer,
    pointer_of,
    present,
    required,
)
from master.api.validation.scheduling import AFFINITY, node_selector, spread_constraints, toleration
from master.api.validation.security import POD_SECURITY, shared_namespaces
from master.api.validation.volumes import volumes

RESTARTS = ("Always", "OnFailure", "Never")
CONTAINER_RESTARTS = ("Always", "Never", "OnFailure")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
PREEMPTION = ("Never", "PreemptLowerPriority")
NAMESERVERS, SEARCHES = 3, 32
INIT_ONLY = "may not be set for init containers without restartPolicy=Always"


def check_pod_spec(spec: Object, at: Path, out: Problems) -> None:
    check(SPEC, spec, at, out)


# Containers


def containers(spec: Object, at: Path, out: Problems) -> None:
    """Volumes and all three kinds of containers, whose names are one set."""
    mountable = volumes(spec, at, out)
    running = container_rules(mountable, PROBES)
    ending = container_rules(mountable, (_only_with_restart,))
    found = spec.get("containers") or []
    if not found:
        out.required(at / "containers")
    seen: set[str] = set()
    for index, container in enumerate(found):
        _container(container, at / "containers" / index, out, running, seen)
    for index, container in enumerate(spec.get("initContainers") or ()):
        rules = running if container.get("restartPolicy") == "Always" else ending
        _container(container, at / "initContainers" / index, out, rules, seen)
    _host_ports(found, at / "containers", out, bool(spec.get("hostNetwork")))
    if not (spec.get("os") or {}).get("name"):
        _no_signals(spec, at, out)
    if spec.get("ephemeralContainers"):
        ephemeral_containers(spec, at, out, container_rules(mountable, ()))


def _container(container: Object, at: Path, out: Problems, rules: Rules, seen: set[str]) -> None:
    check(rules, container, at, out)
    name = container.get("name") or ""
    if name and name in seen:
        out.duplicate(at / "name", name)
    seen.add(name)
    restart = container.get("restartPolicy")
    if restart is not None and restart not in CONTAINER_RESTARTS:
        out.unsupported(at / "restartPolicy", restart, CONTAINER_RESTARTS)


def _no_signals(spec: Object, at: Path, out: Problems) -> None:
    """Which signals there are depends on the system."""
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            if (container.get("lifecycle") or {}).get("stopSignal"):
                here = at / group / index / "lifecycle" / "stopSignal"
                out.forbidden(here, "may not be set for containers with empty `spec.os.name`")


def _only_with_restart(container: Object, at: Path, out: Problems) -> None:
    for name in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            out.forbidden(at / name, INIT_ONLY)


def _host_ports(found: list[Object], at: Path, out: Problems, host_network: bool) -> None:
    taken: set[tuple[str, str, int]] = set()
    for index, container in enumerate(found):
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort")
            if not host:
                continue
            here = at / index / "ports" / number
            if host_network and host != port.get("containerPort"):
                said = "must match `hostPort` when `hostNetwork` is true"
                out.invalid(here / "containerPort", port.get("containerPort"), said)
            claim = (port.get("protocol") or "TCP", port.get("hostIP") or "", host)
            if claim in taken:
                out.duplicate(here / "hostPort", "/".join(map(str, claim)))
            taken.add(claim)


# Names and addresses


def _dns(spec: Object, at: Path, out: Problems) -> None:
    config, policy = spec.get("dnsConfig"), spec.get("dnsPolicy")
    here = at / "dnsConfig"
    nameservers = (config or {}).get("nameservers") or ()
    if policy == "None" and not nameservers:
        where = here / "nameservers" if config is not None else here
        out.required(where, f"must provide at least one DNS nameserver when `dnsPolicy` is {policy}")
    if config is None:
        return
    if len(nameservers) > NAMESERVERS:
        out.invalid(here / "nameservers", nameservers, f"must not have more than {NAMESERVERS} nameservers")
    check((ip_addresses("nameservers"),), config, here, out)
    searches = config.get("searches") or ()
    if len(searches) > SEARCHES:
        out.invalid(here / "searches", searches, f"must not have more than {SEARCHES} search paths")
    for index, search in enumerate(searches):
        for detail in names.dns1123_subdomain(search.removesuffix(".")) if search != "." else ():
            out.invalid(here / "searches" / index, search, detail)
    check((each("options", required("name")),), config, here, out)


def _host_alias(alias: Object, at: Path, out: Problems) -> None:
    for detail in ip_address(alias.get("ip") or ""):
        out.invalid(at / "ip", alias.get("ip") or "", detail)
    for index, host in enumerate(alias.get("hostnames") or ()):
        for detail in names.dns1123_subdomain(host):
            out.invalid(at / "hostnames" / index, host, detail)


# Gates, resources and the rest


def _gates(spec: Object, at: Path, out: Problems) -> None:
    seen: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        here, name = at / "schedulingGates" / index, gate.get("name") or ""
        for detail in names.qualified_name(name):
            out.invalid(here, name, detail)
        if name in seen:
            out.duplicate(here, name)
        seen.add(name)


def _readiness_gate(gate: Object, at: Path, out: Problems) -> None:
    for detail in names.qualified_name(gate.get("conditionType") or ""):
        out.invalid(at / "conditionType", gate.get("conditionType") or "", detail)


def _overhead(spec: Object, at: Path, out: Problems) -> None:
    for name, text in (spec.get("overhead") or {}).items():
        check_resource_name(name, at / "overhead" / name, out)
        check_amount(name, text, at / "overhead" / name, out)


def _resources(spec: Object, at: Path, out: Problems) -> None:
    if found := spec.get("resources"):
        check_requirements(found, at / "resources", out)


def _os(found: Object, at: Path, out: Problems) -> None:
    check((one_of("name", ("linux", "windows"), missing="required"),), found, at, out)


SPEC = (
    _resources,
    containers,
    one_of("restartPolicy", RESTARTS, missing="required"),
    one_of("dnsPolicy", DNS_POLICIES, missing="required"),
    node_selector,
    present("securityContext", *POD_SECURITY),
    shared_namespaces,
    present("affinity", *AFFINITY),
    _dns,
    each("readinessGates", _readiness_gate),
    _gates,
    spread_constraints,
    optional("serviceAccountName", names.dns1123_subdomain),
    optional("nodeName", names.dns1123_subdomain),
    pointer("activeDeadlineSeconds", between(1, 2147483647)),
    optional("hostname", names.dns1123_label),
    optional("subdomain", names.dns1123_label),
    each("tolerations", toleration),
    each("hostAliases", _host_alias),
    optional("priorityClassName", names.dns1123_subdomain),
    pointer("runtimeClassName", names.dns1123_subdomain),
    pointer_of("preemptionPolicy", PREEMPTION),
    _overhead,
    present("os", _os),
)


# Pods and templates


def pod(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check_pod_spec(spec, ROOT / "spec", out)
    if spec.get("nodeName") and spec.get("schedulingGates"):
        out.forbidden(ROOT / "spec" / "nodeName", "cannot be set until all schedulingGates have been cleared")


def check_template(template: Object, at: Path, out: Problems) -> None:
    """The server names a template's labels without their `metadata`."""
    meta = template.get("metadata") or {}
    check((labels("labels"),), meta, at, out)
    check_mutable({"annotations": meta.get("annotations")}, at, out)
    spec = template.get("spec") or {}
    check_pod_spec(spec, at / "spec", out)
    if spec.get("ephemeralContainers"):
        out.forbidden(at / "spec" / "ephemeralContainers", "ephemeral containers not allowed in pod template")


def pod_template(obj: Object, out: Problems) -> None:
    check_template(obj.get("template") or {}, ROOT / "template", out)
