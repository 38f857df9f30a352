"""RuntimeClass: a pod of a class gets the class's overhead, and its node selector and tolerations."""

from __future__ import annotations

from master.api.admission.plugin import Plugin, concerns, refusal
from master.api.contract import Attributes, Object
from master.api.rows import POD, RUNTIME_CLASS
from master.api.sources import Fresh, find


class RuntimeClass(Plugin):
    name = "RuntimeClass"
    kinds = frozenset({POD})

    def __init__(self, reader: Fresh) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None or not concerns(attributes, POD, "CREATE"):
            return
        spec = attributes.object["spec"]
        name = spec.get("runtimeClassName")
        if not name:
            if spec.get("overhead"):
                raise refusal(
                    attributes, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
                )
            return
        found = await find(self._reader, RUNTIME_CLASS, "", name)
        if found is None:
            raise refusal(attributes, f'pod rejected: RuntimeClass "{name}" not found')
        self._apply(attributes, spec, found)

    def _apply(self, attributes: Attributes, spec: Object, found: Object) -> None:
        overhead = (found.get("overhead") or {}).get("podFixed")
        if overhead:
            if spec.get("overhead") not in (None, overhead):
                said = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
                raise refusal(attributes, said)
            spec["overhead"] = dict(overhead)
        scheduling = found.get("scheduling") or {}
        selector, wanted = spec.get("nodeSelector") or {}, scheduling.get("nodeSelector") or {}
        if clash := [key for key, value in wanted.items() if selector.get(key, value) != value]:
            raise refusal(
                attributes, f"conflict: node selector {clash[0]} is set by pod and RuntimeClass to different values"
            )
        if wanted:
            spec["nodeSelector"] = selector | wanted
        present = spec.get("tolerations") or []
        if added := [each for each in scheduling.get("tolerations") or () if each not in present]:
            spec["tolerations"] = [*present, *added]
