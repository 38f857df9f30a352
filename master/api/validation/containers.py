"""Containers: image, ports, environment, probes, hooks, resources.  All three kinds of them share these rules."""

from __future__ import annotations

import re
import signal

from kube import names
from master.api.validation.problems import Path, Problems
from master.api.validation.resources import check_requirements
from master.api.validation.rules import (
    Object,
    Rule,
    Rules,
    always,
    at_least,
    check,
    each,
    missing_as,
    non_negative,
    one_of,
    optional,
    pointer,
    port_number,
    present,
    required,
)
from master.api.validation.security import CONTAINER_SECURITY
from master.api.validation.volumes import check_field_reference, devices, mounts, resource_reference

PROTOCOLS = ("SCTP", "TCP", "UDP")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
RESTARTS = ("Always", "Never", "OnFailure")
NO_HANDLER = "must specify a handler type"
ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
UNTRIMMED = "must not have leading or trailing whitespace"


def port_or_name(value: int | str) -> tuple[str, ...] | list[str]:
    return names.port_name(value) if isinstance(value, str) else tuple(port_number(value))


# Handlers of probes and hooks


_HEADER = re.compile("[-A-Za-z0-9]+")
_BAD_HEADER = names.regex_complaint(
    "a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", "X-Header-Name"
)


def _header_name(name: str) -> tuple[str, ...]:
    return () if _HEADER.fullmatch(name) else (_BAD_HEADER,)


HANDLERS: dict[str, Rules] = {
    "exec": (required("command"),),
    "httpGet": (
        required("path"),
        missing_as("port", 0, port_or_name),
        one_of("scheme", ("HTTP", "HTTPS"), missing="unsupported"),
        each("httpHeaders", always("name", "", _header_name)),
    ),
    "tcpSocket": (missing_as("port", 0, port_or_name),),
    "grpc": (always("port", 0, port_number),),
    "sleep": (always("seconds", 0, non_negative),),
}


def handler(obj: Object, at: Path, out: Problems) -> None:
    """Exactly one way to ask or act."""
    given = 0
    for name, rules in HANDLERS.items():
        value = obj.get(name)
        if value is None:
            continue
        given += 1
        if given > 1:
            out.forbidden(at / name, "may not specify more than 1 handler type")
        else:
            check(rules, value, at / name, out)
    if not given:
        out.required(at, NO_HANDLER)


PROBE = (
    handler,
    pointer("initialDelaySeconds", non_negative),
    pointer("timeoutSeconds", non_negative),
    pointer("periodSeconds", non_negative),
    pointer("successThreshold", non_negative),
    pointer("failureThreshold", non_negative),
    pointer("terminationGracePeriodSeconds", at_least(1)),
)
REAL_TIME = [f"SIGRTMIN+{n}" for n in range(1, 16)] + [f"SIGRTMAX-{n}" for n in range(1, 15)]
SIGNALS = tuple(sorted([*signal.Signals.__members__, *REAL_TIME]))
LIFECYCLE = (
    present("postStart", handler),
    present("preStop", handler),
    one_of("stopSignal", SIGNALS),
)


def _once(obj: Object, at: Path, out: Problems) -> None:
    """Liveness and startup probes succeed at the first answer."""
    threshold = obj.get("successThreshold")
    if threshold is not None and threshold != 1:
        out.invalid(at / "successThreshold", threshold, "must be 1")


def _no_grace(obj: Object, at: Path, out: Problems) -> None:
    if (grace := obj.get("terminationGracePeriodSeconds")) is not None:
        out.invalid(at / "terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")


PROBES = (
    present("lifecycle", *LIFECYCLE),
    present("livenessProbe", *PROBE, _once),
    present("readinessProbe", *PROBE, _no_grace),
    present("startupProbe", *PROBE, _once),
)


# Ports


def ports(container: Object, at: Path, out: Problems) -> None:
    found = container.get("ports")
    if not found:
        return
    seen: set[str] = set()
    for index, port in enumerate(found):
        here = at / "ports" / index
        if name := port.get("name"):
            if details := names.port_name(name):
                for detail in details:
                    out.invalid(here / "name", name, detail)
            elif name in seen:
                out.duplicate(here / "name", name)
            seen.add(name)
        check(PORT, port, here, out)


PORT = (
    required("containerPort", port_number),
    optional("hostPort", port_number),
    one_of("protocol", PROTOCOLS, missing="required"),
)


# Environment


def environment(container: Object, at: Path, out: Problems) -> None:
    for index, variable in enumerate(container.get("env") or ()):
        here = at / "env" / index
        check((required("name", names.environment_name),), variable, here, out)
        if variable.get("valueFrom") is not None:
            _value_from(variable, here / "valueFrom", out)


def _env_field(reference: Object, at: Path, out: Problems) -> None:
    check_field_reference(reference, at, out, ENV_FIELDS)


KEY_OF = (always("name", "", names.dns1123_subdomain), required("key", names.config_key))
VALUE_SOURCES: dict[str, Rules] = {
    "fieldRef": (_env_field,),
    "resourceFieldRef": (resource_reference,),
    "configMapKeyRef": KEY_OF,
    "secretKeyRef": KEY_OF,
    "fileKeyRef": (required("volumeName"), required("path"), required("key")),
}


def _value_from(variable: Object, at: Path, out: Problems) -> None:
    source = variable["valueFrom"]
    given = [name for name in VALUE_SOURCES if source.get(name) is not None]
    for name in given:
        check(VALUE_SOURCES[name], source[name], at / name, out)
    if not given:
        out.invalid(at, "", f"must specify one of: {_listed()}")
    elif variable.get("value"):
        out.invalid(at, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        out.invalid(at, "", "may not have more than one field specified at a time")


def _listed() -> str:
    return "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"


def environment_from(container: Object, at: Path, out: Problems) -> None:
    for index, source in enumerate(container.get("envFrom") or ()):
        here = at / "envFrom" / index
        check((optional("prefix", names.environment_name),), source, here, out)
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for name in given:
            check((required("name", names.dns1123_subdomain),), source[name], here / name, out)
        if not given:
            out.invalid(here, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            out.invalid(here, "", "may not have more than one field specified at a time")


# The container


def _image(container: Object, at: Path, out: Problems) -> None:
    image = container.get("image")
    if not image:
        out.required(at / "image")
    elif image != image.strip():
        out.invalid(at / "image", image, UNTRIMMED)


def _resources(container: Object, at: Path, out: Problems) -> None:
    if found := container.get("resources"):
        check_requirements(found, at / "resources", out)


def _resize(policy: Object, at: Path, out: Problems) -> None:
    if policy.get("resourceName") not in {"cpu", "memory"}:
        out.unsupported(at / "resourceName", policy.get("resourceName") or "", ("cpu", "memory"))
    check((one_of("restartPolicy", ("NotRequired", "RestartContainer"), missing="required"),), policy, at, out)


COMMON = (
    required("name", names.dns1123_label),
    _image,
    one_of("terminationMessagePolicy", MESSAGE_POLICIES, missing="required"),
    ports,
    environment,
    environment_from,
    devices,
    one_of("imagePullPolicy", PULL_POLICIES, missing="required"),
    _resources,
    each("resizePolicy", _resize),
    present("securityContext", *CONTAINER_SECURITY),
)


def container_rules(volume_names: frozenset[str], extra: Rules) -> Rules:
    """The rules for a container of a pod with these volumes."""
    mounting: Rule = mounts(volume_names)
    return (*COMMON[:6], mounting, *COMMON[6:], *extra)
