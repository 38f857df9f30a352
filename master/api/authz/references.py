"""What a pod's node must read to run it: the secrets, config maps, claims and the service account that the pod names."""

from __future__ import annotations

from collections.abc import Iterator

from master.api.contract import Object

Reference = tuple[str, str]
"""(resource, name), in the pod's namespace."""

SECRET_REFS: dict[str, tuple[str, ...]] = {
    "azureFile": ("secretName",),
    "cephfs": ("secretRef", "name"),
    "csi": ("nodePublishSecretRef", "name"),
    "flexVolume": ("secretRef", "name"),
    "iscsi": ("secretRef", "name"),
    "rbd": ("secretRef", "name"),
    "scaleIO": ("secretRef", "name"),
    "secret": ("secretName",),
    "storageos": ("secretRef", "name"),
}
"""Volume source → path to the name of the secret it needs."""

MIRROR = "kubernetes.io/config.mirror"


def references(pod: Object) -> frozenset[Reference]:
    """Nothing for a mirror pod: a node makes those itself, and could otherwise name any secret."""
    if MIRROR in (pod["metadata"].get("annotations") or {}):
        return frozenset()
    found = {reference for reference in _all(pod) if reference[1]}
    return frozenset(found)


def _all(pod: Object) -> Iterator[Reference]:
    spec = pod["spec"]
    yield "serviceaccounts", spec.get("serviceAccountName", "")
    for each in spec.get("imagePullSecrets") or ():
        yield "secrets", each.get("name", "")
    for volume in spec.get("volumes") or ():
        yield from _of_volume(volume, pod["metadata"]["name"])
    for field in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(field) or ():
            yield from _of_container(container)
    for claim in (pod.get("status") or {}).get("resourceClaimStatuses") or ():
        yield "resourceclaims", claim.get("resourceClaimName", "")
    for claim in spec.get("resourceClaims") or ():
        yield "resourceclaims", claim.get("resourceClaimName", "")


def _of_volume(volume: Object, pod_name: str) -> Iterator[Reference]:
    for plugin, path in SECRET_REFS.items():
        if plugin in volume:
            yield "secrets", _at(volume[plugin], path)
    yield "configmaps", _at(volume, ("configMap", "name"))
    yield "persistentvolumeclaims", _at(volume, ("persistentVolumeClaim", "claimName"))
    if "ephemeral" in volume:
        yield "persistentvolumeclaims", f"{pod_name}-{volume['name']}"
    for source in _list(volume, "projected", "sources"):
        yield "secrets", _at(source, ("secret", "name"))
        yield "configmaps", _at(source, ("configMap", "name"))


def _of_container(container: Object) -> Iterator[Reference]:
    for variable in container.get("env") or ():
        yield "secrets", _at(variable, ("valueFrom", "secretKeyRef", "name"))
        yield "configmaps", _at(variable, ("valueFrom", "configMapKeyRef", "name"))
    for source in container.get("envFrom") or ():
        yield "secrets", _at(source, ("secretRef", "name"))
        yield "configmaps", _at(source, ("configMapRef", "name"))


def _at(obj: Object, path: tuple[str, ...]) -> str:
    for part in path:
        obj = obj.get(part) or {}
    return obj if isinstance(obj, str) else ""


def _list(obj: Object, *path: str) -> list[Object]:
    for part in path[:-1]:
        obj = obj.get(part) or {}
    return obj.get(path[-1]) or []
