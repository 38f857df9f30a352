"""ServiceAccount: a pod runs as an account of its namespace and gets that account's token, unless it declines."""

from __future__ import annotations

import asyncio
from typing import Any

from master.api.admission.plugin import Plugin, concerns, refusal
from master.api.authz.references import MIRROR
from master.api.contract import Attributes, Object
from master.api.metadata import generated_name
from master.api.rows import POD, SERVICE_ACCOUNT
from master.api.sources import Fresh, find

MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
SECONDS = 3607
ATTEMPTS, PAUSE = 20, 0.05
"""A new namespace has no account until the controller has made it: so long a pod waits for it."""


class ServiceAccounts(Plugin):
    name = "ServiceAccount"
    kinds = frozenset({POD})

    def __init__(self, reader: Fresh) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None or not concerns(attributes, POD, "CREATE"):
            return
        pod = attributes.object
        if MIRROR in (pod["metadata"].get("annotations") or {}):
            if pod["spec"].get("serviceAccountName"):
                raise refusal(attributes, "a mirror pod may not reference service accounts")
            return
        spec = pod["spec"]
        name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
        spec |= {"serviceAccountName": name, "serviceAccount": name}
        account = await self._account(attributes, name)
        if _wants_token(spec, account):
            mount_token(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [dict(each) for each in account["imagePullSecrets"]]

    async def _account(self, attributes: Attributes, name: str) -> Object:
        namespace = attributes.namespace
        for attempt in range(ATTEMPTS):
            account = await find(self._reader, SERVICE_ACCOUNT, namespace, name)
            if account is not None:
                return account
            if name != "default":
                break
            await asyncio.sleep(PAUSE if attempt + 1 < ATTEMPTS else 0)
        missing = f'serviceaccount "{name}" not found'
        raise refusal(attributes, f"error looking up service account {namespace}/{name}: {missing}")


def _wants_token(spec: Object, account: Object) -> bool:
    """The pod's own word, else the account's, else yes."""
    for said in (spec.get("automountServiceAccountToken"), account.get("automountServiceAccountToken")):
        if said is not None:
            return bool(said)
    return True


def mount_token(spec: Object) -> None:
    """Mounts the projected token into each container that mounts nothing at its place."""
    containers = [
        container
        for field in ("initContainers", "containers")
        for container in spec.get(field) or ()
        if not any(mount.get("mountPath") == MOUNT_PATH for mount in container.get("volumeMounts") or ())
    ]
    if not containers:
        return
    volumes = spec.get("volumes") or []
    present = [
        volume["name"] for volume in volumes if volume["name"].startswith(VOLUME_PREFIX) and "projected" in volume
    ]
    name = present[0] if present else generated_name(VOLUME_PREFIX)
    if not present:
        spec["volumes"] = [*volumes, token_volume(name)]
    for container in containers:
        mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
        container["volumeMounts"] = [*(container.get("volumeMounts") or ()), mount]


def token_volume(name: str) -> dict[str, Any]:
    """The account's token, the cluster's authority, and the pod's namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    authority = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": SECONDS, "path": "token"}},
        {"configMap": authority},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}
