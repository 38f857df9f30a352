"""DefaultIngressClass: an ingress that names no class gets the default one, the newest where several are marked."""

from __future__ import annotations

from kube.kinds import known
from master.api.admission.plugin import Plugin, concerns
from master.api.contract import Attributes, Reader

INGRESS, INGRESS_CLASS = known("networking.k8s.io/v1", "Ingress"), known("networking.k8s.io/v1", "IngressClass")
MARK = "ingressclass.kubernetes.io/is-default-class"
OLD_NAME = "kubernetes.io/ingress.class"


class DefaultIngressClass(Plugin):
    name = "DefaultIngressClass"
    kinds = frozenset({INGRESS})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        ingress = attributes.object
        if ingress is None or not concerns(attributes, INGRESS, "CREATE"):
            return
        spec = ingress.setdefault("spec", {})
        if spec.get("ingressClassName") is not None or OLD_NAME in (ingress["metadata"].get("annotations") or {}):
            return
        marked = [
            each["metadata"]
            for each in self._reader.list(INGRESS_CLASS)
            if (each["metadata"].get("annotations") or {}).get(MARK) == "true"
        ]
        if marked:
            by_name = sorted(marked, key=lambda meta: str(meta["name"]))
            spec["ingressClassName"] = max(by_name, key=lambda meta: str(meta.get("creationTimestamp", "")))["name"]
