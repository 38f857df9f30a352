"""What every namespace has: the ServiceAccount `default`, and the ConfigMap `kube-root-ca.crt` that pods trust.

Both are made when missing and the ConfigMap is put right when changed; a namespace on its way out is left alone.
"""

from __future__ import annotations

from typing import Any

from kube.errors import ApiError
from kube.informers import Informer
from kube.kinds import Kind
from master.controllers.context import Context
from master.controllers.loop import Loop
from master.controllers.objects import Object, is_deleting, kind

NAMESPACE = kind("v1", "Namespace")
SERVICE_ACCOUNT = kind("v1", "ServiceAccount")
CONFIG_MAP = kind("v1", "ConfigMap")
ROOT_CA = "kube-root-ca.crt"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def default_account(namespace: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}


def root_ca(namespace: str, certificate: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": ROOT_CA,
            "namespace": namespace,
            "annotations": {"kubernetes.io/description": DESCRIPTION},
        },
        "data": {"ca.crt": certificate},
    }


def build_accounts(context: Context) -> Loop:
    accounts = Informer(context.client, SERVICE_ACCOUNT, fields="metadata.name=default")
    return Provided(context, "serviceaccount-controller", accounts, SERVICE_ACCOUNT, default_account, ()).loop


def build_root_ca(context: Context) -> Loop:
    maps = Informer(context.client, CONFIG_MAP, fields=f"metadata.name={ROOT_CA}")

    def wanted(namespace: str) -> Object:
        return root_ca(namespace, context.root_ca)

    return Provided(context, "root-ca-certificate-publisher", maps, CONFIG_MAP, wanted, ("data",)).loop


class Provided:
    """Keeps one object in each namespace: `wanted(namespace)`, of which `enforced` fields are put right."""

    def __init__(
        self,
        context: Context,
        component: str,
        present: Informer,
        row: Kind,
        wanted: Any,
        enforced: tuple[str, ...],
    ) -> None:
        self._client, self._row, self._wanted, self._enforced = context.client, row, wanted, enforced
        self._present = context.also(present)
        self._namespaces = context.informer(NAMESPACE)
        self.loop = Loop(component, self.reconcile, self._names)
        self._namespaces.on_change(lambda _event, old, new: self.loop.add((new or old)["metadata"]["name"]))
        self._present.on_change(lambda _event, old, new: self.loop.add((new or old)["metadata"]["namespace"]))

    def _names(self) -> list[str]:
        return [name for _, name in self._namespaces.store]

    async def reconcile(self, namespace: str) -> None:
        owner = self._namespaces.store.get(("", namespace))
        if owner is None or is_deleting(owner):
            return
        wanted = self._wanted(namespace)
        present = self._present.store.get((namespace, wanted["metadata"]["name"]))
        if present is None:
            await self._create(namespace, wanted)
        elif changed := {name: wanted[name] for name in self._enforced if present.get(name) != wanted[name]}:
            await self._client.update(self._row, namespace, {**present, **changed})

    async def _create(self, namespace: str, wanted: Object) -> None:
        try:
            await self._client.create(self._row, namespace, wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
