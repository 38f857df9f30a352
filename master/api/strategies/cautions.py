"""Warning headers: what is accepted and yet should be known to its author."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from kube import names
from kube.kinds import Kind, is_built_in

Object = dict[str, Any]

ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
NEGATIVE_GRACE = "must be >= 0; negative values are invalid and will be treated as 1"
NULL_SELECTOR = "a null labelSelector results in matching no pod"

OLD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
}


def warnings(kind: Kind, obj: Object, old: Object | None) -> list[str]:
    """The warnings for a write; `old` is None for a create."""
    if not is_built_in(kind):
        return []
    find = WARNINGS.get(kind.kind)
    said = list(find(obj)) if find else []
    if old is None and (use := NAMED_AFTER.get(kind.kind)):
        said = [*_name(obj, use), *said]
    return said


# Names that pods and their hosts inherit.
NAMED_AFTER = {
    "Pod": "the Pod's hostname",
    **dict.fromkeys(("CronJob", "Deployment", "ReplicaSet", "ReplicationController"), "Pod names and hostnames"),
}


def _name(obj: Object, use: str) -> Iterator[str]:
    if complaints := names.dns1123_label(obj["metadata"].get("name") or ""):
        said = f"metadata.name: this is used in {use}, which can result in surprising behavior"
        yield f"{said}; a DNS label is recommended: [{' '.join(complaints)}]"


def _endpoints(_obj: Object) -> Iterator[str]:
    yield ENDPOINTS


def _secret(obj: Object) -> Iterator[str]:
    if obj.get("type") != "kubernetes.io/tls":
        return
    for key, part in (("tls.crt", "certificate"), ("tls.key", "key")):
        try:
            text = base64.b64decode((obj.get("data") or {}).get(key) or "")
        except binascii.Error:
            text = b""
        if b"-----BEGIN " not in text:
            yield f"tls: failed to find any PEM data in {part} input"
            return


# Pods


def _pod(obj: Object) -> Iterator[str]:
    yield from _spec(obj.get("spec") or {}, "spec")


def _template(*fields: str) -> Callable[[Object], Iterator[str]]:
    """Warnings about the pod template that lies under these fields."""

    def find(obj: Object) -> Iterator[str]:
        found: Any = obj
        for field in (*fields, "spec"):
            found = (found or {}).get(field)
        yield from _spec(found or {}, ".".join((*fields, "spec")))

    return find


def _spec(spec: Object, at: str) -> Iterator[str]:
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        yield f"{at}.terminationGracePeriodSeconds: {NEGATIVE_GRACE}"
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        if constraint.get("labelSelector") is None:
            yield f"{at}.topologySpreadConstraints[{index}].labelSelector: {NULL_SELECTOR}"
    for label in spec.get("nodeSelector") or ():
        if label in OLD_LABELS:
            yield f"{at}.nodeSelector[{label}]: {OLD_LABELS[label]}"
    if spec.get("hostAliases"):
        yield from _aliases(spec["hostAliases"], f"{at}.hostAliases")
    for listing in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(listing) or ()):
            if container.get("ports"):
                yield from _ports(container["ports"], f"{at}.{listing}[{index}].ports")
            if container.get("env"):
                yield from _environment(container["env"], f"{at}.{listing}[{index}].env")


def _aliases(aliases: list[Object], at: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, alias in enumerate(aliases):
        address = alias.get("ip") or ""
        if address in seen:
            yield f'{at}[{index}].ip: duplicate ip "{address}"'
        seen.add(address)


def _ports(ports: list[Object], at: str) -> Iterator[str]:
    seen: dict[tuple[Any, ...], int] = {}
    for index, port in enumerate(ports):
        binding = tuple(port.get(field) for field in ("containerPort", "protocol", "hostIP", "hostPort"))
        if binding in seen:
            yield f"{at}[{index}]: duplicate port definition with {at}[{seen[binding]}]"
        seen.setdefault(binding, index)


def _environment(variables: list[Object], at: str) -> Iterator[str]:
    """A variable may refer to an earlier one of its name; else the earlier is hidden."""
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name = variable.get("name") or ""
        if name in seen and f"$({name})" not in (variable.get("value") or ""):
            yield f'{at}[{index}]: hides previous definition of "{name}", which may be dropped when using apply'
        seen.add(name)


WARNINGS: dict[str, Callable[[Object], Iterator[str]]] = {
    "CronJob": _template("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": _template("spec", "template"),
    "Deployment": _template("spec", "template"),
    "Endpoints": _endpoints,
    "Job": _template("spec", "template"),
    "Pod": _pod,
    "PodTemplate": _template("template"),
    "ReplicaSet": _template("spec", "template"),
    "ReplicationController": _template("spec", "template"),
    "Secret": _secret,
    "StatefulSet": _template("spec", "template"),
}
