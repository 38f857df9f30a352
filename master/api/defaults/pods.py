"""Defaults of pods and of every kind that carries a pod template."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

FILE_MODE = 0o644
TOKEN_SECONDS = 3600


def pod(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec_defaults(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        _requests_from_limits(container)
    if spec.get("resources"):
        _requests_from_limits(spec)
    _service_account(spec)
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def template(found: Object) -> None:
    """A PodTemplateSpec: no requests are drawn from limits here, that happens when a pod is made."""
    found.setdefault("metadata", {})
    spec = found.setdefault("spec", {})
    spec_defaults(spec)
    _service_account(spec)


def spec_defaults(spec: Object) -> None:
    spec["restartPolicy"] = spec.get("restartPolicy") or "Always"
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is None:
        spec["terminationGracePeriodSeconds"] = 30
    spec["dnsPolicy"] = spec.get("dnsPolicy") or "ClusterFirst"
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    spec["schedulerName"] = spec.get("schedulerName") or "default-scheduler"
    host_network = bool(spec.get("hostNetwork"))
    for volume in spec.get("volumes") or ():
        _volume(volume)
    for name in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(name) or ():
            _container(container, host_network)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _drop_null(constraint, "minDomains")


def _drop_null(obj: Object, name: str) -> None:
    if name in obj and obj[name] is None:
        del obj[name]


def _service_account(spec: Object) -> None:
    """The deprecated `serviceAccount` mirrors `serviceAccountName`."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


# Containers


def _container(container: Object, host_network: bool) -> None:
    if container.get("resources") is None:
        container["resources"] = {}
    container["terminationMessagePath"] = container.get("terminationMessagePath") or "/dev/termination-log"
    container["terminationMessagePolicy"] = container.get("terminationMessagePolicy") or "File"
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image") or "")
    for port in container.get("ports") or ():
        port["protocol"] = port.get("protocol") or "TCP"
        if host_network and not port.get("hostPort"):
            port["hostPort"] = port.get("containerPort", 0)
    for variable in container.get("env") or ():
        field = (variable.get("valueFrom") or {}).get("fieldRef")
        if field is not None:
            field["apiVersion"] = field.get("apiVersion") or "v1"
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if (probe := container.get(name)) is not None:
            _probe(probe)
    for name in ("postStart", "preStop"):
        _handler((container.get("lifecycle") or {}).get(name) or {})


def _pull_policy(image: str) -> str:
    """Latest and unnamed versions are pulled anew."""
    name = image.rpartition("/")[2]
    if "@" in name:
        return "Always" if name.partition("@")[0].endswith(":latest") else "IfNotPresent"
    tag = name.partition(":")[2]
    return "Always" if tag in {"", "latest"} else "IfNotPresent"


PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def _probe(probe: Object) -> None:
    for name, value in PROBE.items():
        probe[name] = probe.get(name) or value
    _handler(probe)
    if (grpc := probe.get("grpc")) is not None and grpc.get("service") is None:
        grpc["service"] = ""


def _handler(handler: Object) -> None:
    if (get := handler.get("httpGet")) is not None:
        get["path"] = get.get("path") or "/"
        get["scheme"] = get.get("scheme") or "HTTP"


def _requests_from_limits(container: Object) -> None:
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return
    requests = resources["requests"] = resources.get("requests") or {}
    for name, amount in limits.items():
        requests.setdefault(name, amount)


# Volumes


def _volume(volume: Object) -> None:
    if not any(value is not None for name, value in volume.items() if name != "name"):
        volume["emptyDir"] = {}
        return
    for name in ("secret", "configMap", "downwardAPI", "projected"):
        if (source := volume.get(name)) is not None:
            if source.get("defaultMode") is None:
                source["defaultMode"] = FILE_MODE
            _downward(source)
            for projected in source.get("sources") or ():
                _projection(projected)
    if (path := volume.get("hostPath")) is not None and path.get("type") is None:
        path["type"] = ""
    source_defaults(volume)
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if claim:
        claim_spec(claim.setdefault("spec", {}))
    if (image := volume.get("image")) is not None:
        image["pullPolicy"] = image.get("pullPolicy") or _pull_policy(image.get("reference") or "")


def _downward(source: Object) -> None:
    for item in source.get("items") or ():
        if (field := item.get("fieldRef")) is not None:
            field["apiVersion"] = field.get("apiVersion") or "v1"


def _projection(source: Object) -> None:
    if (token := source.get("serviceAccountToken")) is not None and token.get("expirationSeconds") is None:
        token["expirationSeconds"] = TOKEN_SECONDS
    if (downward := source.get("downwardAPI")) is not None:
        _downward(downward)


# The defaults of sources that pods and PersistentVolumes share.
SOURCES: dict[str, Object] = {
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def source_defaults(volume: Object) -> None:
    for name, defaults in SOURCES.items():
        if (source := volume.get(name)) is not None:
            for field, value in defaults.items():
                if source.get(field) in (None, ""):
                    source[field] = value


def claim_spec(spec: Object) -> None:
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
