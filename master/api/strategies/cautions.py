"""Warning headers: what is accepted and yet should be known to its author."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any

from kube.kinds import Kind

Object = dict[str, Any]

ENDPOINTS = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
NEGATIVE_GRACE = "must be >= 0; negative values are invalid and will be treated as 1"
NULL_SELECTOR = "a null labelSelector results in matching no pod"


def warnings(kind: Kind, obj: Object, old: Object | None) -> list[str]:
    """The warnings for a write; `old` is None for a create."""
    find = WARNINGS.get(kind.kind)
    return list(find(obj)) if find else []


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
    if spec.get("hostAliases"):
        yield from _aliases(spec["hostAliases"], f"{at}.hostAliases")
    for listing in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(listing) or ()):
            if container.get("env"):
                yield from _environment(container["env"], f"{at}.{listing}[{index}].env")


def _aliases(aliases: list[Object], at: str) -> Iterator[str]:
    seen: set[str] = set()
    for index, alias in enumerate(aliases):
        address = alias.get("ip") or ""
        if address in seen:
            yield f'{at}[{index}].ip: duplicate ip "{address}"'
        seen.add(address)


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
