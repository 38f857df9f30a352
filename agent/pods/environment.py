"""A container's environment: `$(NAME)` expansion, every source a spec can name, and the variables of Services.  Pure.

`$$(NAME)` stands for itself, and a name that is not known stays as it is written.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.pods.resources import requests_of
from kube import quantities

REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
VARIABLE = re.compile(r"[^=\x00-\x1f\x7f]+")
Object = Mapping[str, Any]


class ConfigError(Exception):
    """A container cannot be configured as its spec says: a missing ConfigMap, Secret or key."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pod can ask about itself beyond its own object, and the objects and files it refers to (None: not there)."""

    node_name: str = ""
    host_ips: tuple[str, ...] = ()
    pod_ips: tuple[str, ...] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[tuple[str, str], Object | None] = field(default_factory=dict)
    services: tuple[Object, ...] = ()
    files: Mapping[tuple[str, str], Mapping[str, str] | None] = field(default_factory=dict)


def expand(text: str, known: Mapping[str, str]) -> str:
    def replaced(match: re.Match[str]) -> str:
        if match.group(0) == "$$":
            return "$"
        return known.get(match.group(1), match.group(0))

    return REFERENCE.sub(replaced, text)


def names_in(text: str) -> set[str]:
    """The variables that a text refers to."""
    return {match.group(1) for match in REFERENCE.finditer(text) if match.group(0) != "$$"}


def container_environment(pod: Object, container: Object, around: Surroundings) -> list[tuple[str, str]]:
    """Name and value, each name once; ConfigError when a source that is not optional is missing."""
    known = service_variables(pod, around.services)
    for source in container.get("envFrom") or ():
        known |= _from_source(source, pod, around)
    told = dict(known)
    for entry in container.get("env") or ():
        value = _value(entry, pod, container, around, told)
        if value is not None:
            told[entry["name"]] = value
    return list(told.items())


def field_value(pod: Object, path: str, around: Surroundings) -> str:
    """What a fieldRef stands for; ConfigError for a path that no pod has."""
    meta, spec = pod["metadata"], pod["spec"]
    match = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if match:
        return str((meta.get(match[1]) or {}).get(match[2], ""))
    simple: dict[str, Any] = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "metadata.labels": _lines(meta.get("labels")),
        "metadata.annotations": _lines(meta.get("annotations")),
        "spec.nodeName": spec.get("nodeName") or around.node_name,
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": around.host_ips[0] if around.host_ips else "",
        "status.hostIPs": ",".join(around.host_ips),
        "status.podIP": around.pod_ips[0] if around.pod_ips else "",
        "status.podIPs": ",".join(around.pod_ips),
    }
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def resource_value(pod: Object, reference: Object, container: Object | None, around: Surroundings) -> str:
    """A limit or request in units of the divisor, rounded up; a missing limit is what the node has to give."""
    if name := reference.get("containerName"):
        everyone = [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]
        container = next((c for c in everyone if c["name"] == name), None)
    if container is None:
        raise ConfigError(f"container {reference.get('containerName')} not found")
    of, _, resource = reference["resource"].partition(".")
    limits = (container.get("resources") or {}).get("limits") or {}
    given = limits if of == "limits" else requests_of(container)
    text = given.get(resource) or (around.allocatable.get(resource, "0") if of == "limits" else "0")
    divisor = quantities.parse(str(reference.get("divisor") or "1"))
    amount = quantities.parse(text)
    step = divisor.nanos or quantities.parse("1").nanos
    return str(-(-amount.nanos // step))


def service_variables(pod: Object, services: Iterable[Object]) -> dict[str, str]:
    """HOST, PORT and docker-link variables of the namespace's Services; the API's own whatever the spec says."""
    namespace = pod["metadata"]["namespace"]
    links = pod["spec"].get("enableServiceLinks", True)
    told: dict[str, str] = {}
    for service in services:
        meta = service["metadata"]
        is_api = (meta["namespace"], meta["name"]) == ("default", "kubernetes")
        if is_api or (links and meta["namespace"] == namespace):
            told |= _service(service)
    return told


def _service(service: Object) -> dict[str, str]:
    address = service["spec"].get("clusterIP") or ""
    ports = service["spec"].get("ports") or ()
    if address in {"", "None"} or not ports:
        return {}
    name = service["metadata"]["name"].upper().replace("-", "_")
    first = ports[0]
    told = {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(first["port"])}
    for port in ports:
        if port.get("name"):
            told[f"{name}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    told[f"{name}_PORT"] = _link(address, first)
    for port in ports:
        protocol = port.get("protocol", "TCP")
        prefix = f"{name}_PORT_{port['port']}_{protocol}"
        told |= {
            prefix: _link(address, port),
            f"{prefix}_PROTO": protocol.lower(),
            f"{prefix}_PORT": str(port["port"]),
            f"{prefix}_ADDR": address,
        }
    return told


def _link(address: str, port: Object) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{port.get('protocol', 'TCP').lower()}://{host}:{port['port']}"


def _from_source(source: Object, pod: Object, around: Surroundings) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
        if key in source:
            data = _data(kind, _object(kind, source[key], around))
            return {prefix + name: text for name, text in data.items() if VARIABLE.fullmatch(prefix + name)}
    return {}


def _value(entry: Object, pod: Object, container: Object, around: Surroundings, known: Mapping[str, str]) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return expand(entry.get("value") or "", known)
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"], around)
    if "resourceFieldRef" in source:
        return resource_value(pod, source["resourceFieldRef"], container, around)
    for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        if key in source:
            return _key(kind, source[key], pod, around)
    if "fileKeyRef" in source:
        return _filed(source["fileKeyRef"], around)
    raise ConfigError(f"env {entry['name']}: {', '.join(source)} is not supported")


def _filed(reference: Object, around: Surroundings) -> str | None:
    found = around.files.get((reference["volumeName"], reference["path"]))
    if found is not None and reference["key"] in found:
        return found[reference["key"]]
    if reference.get("optional"):
        return None
    if found is None:
        raise ConfigError(f"env file {reference['path']} not found in volume {reference['volumeName']}")
    raise ConfigError(f"environment variable key {reference['key']!r} not found in file {reference['path']}")


def _key(kind: str, reference: Object, pod: Object, around: Surroundings) -> str | None:
    found = _object(kind, reference, around)
    data = _data(kind, found)
    if reference["key"] in data:
        return data[reference["key"]]
    if found is None or reference.get("optional"):
        return None
    meta = pod["metadata"]
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {meta['namespace']}/{reference['name']}")


def _object(kind: str, reference: Object, around: Surroundings) -> Object | None:
    """The object; None when it is optional and missing."""
    found = around.objects.get((kind, reference["name"]))
    if found is None and not reference.get("optional"):
        raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    return found


def _data(kind: str, found: Object | None) -> dict[str, str]:
    data = (found or {}).get("data") or {}
    if kind != "Secret":
        return dict(data)
    return {key: base64.b64decode(value).decode(errors="surrogateescape") for key, value in data.items()}


def _lines(given: Mapping[str, str] | None) -> str:
    return "\n".join(f'{key}="{_escaped(value)}"' for key, value in sorted((given or {}).items()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
