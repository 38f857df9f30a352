"""DefaultTolerationSeconds: a pod stays on a node that is lost for so long, unless it says otherwise."""

from __future__ import annotations

from master.api.admission.plugin import Plugin, concerns
from master.api.contract import Attributes, Object
from master.api.rows import POD

NOT_READY, UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"


class DefaultTolerations(Plugin):
    name = "DefaultTolerationSeconds"
    kinds = frozenset({POD})

    def __init__(self, seconds: int = 300) -> None:
        self._seconds = seconds

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None or not concerns(attributes, POD, "CREATE", "UPDATE"):
            return
        spec = attributes.object["spec"]
        present: list[Object] = spec.get("tolerations") or []
        missing = [key for key in (NOT_READY, UNREACHABLE) if not any(_covers(each, key) for each in present)]
        if missing:
            spec["tolerations"] = [*present, *map(self._toleration, missing)]

    def _toleration(self, key: str) -> Object:
        return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": self._seconds}


def _covers(toleration: Object, key: str) -> bool:
    return toleration.get("key", "") in ("", key) and toleration.get("effect", "") in ("", "NoExecute")
