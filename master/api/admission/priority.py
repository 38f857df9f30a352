"""Priority: a pod's class becomes its number; one class at most is the default of all pods."""

from __future__ import annotations

from master.api.admission.plugin import Plugin, concerns, refusal
from master.api.contract import Attributes, Object
from master.api.rows import POD, PRIORITY_CLASS
from master.api.sources import Fresh, find

NEITHER = (
    "must not be provided in pod spec; priority admission controller computed {} from the given PriorityClass name"
)
PREEMPTING = "PreemptLowerPriority"


class Priority(Plugin):
    name = "Priority"
    kinds = frozenset({POD, PRIORITY_CLASS})

    def __init__(self, reader: Fresh) -> None:
        self._reader = reader

    async def mutate(self, attributes: Attributes) -> None:
        if attributes.object is None:
            return
        if concerns(attributes, POD, "CREATE"):
            await self._resolve(attributes, attributes.object["spec"])
        elif concerns(attributes, POD, "UPDATE") and attributes.old:
            self._keep(attributes.object["spec"], attributes.old["spec"])

    async def validate(self, attributes: Attributes) -> None:
        """A second default class is refused, the first may be changed."""
        if not concerns(attributes, PRIORITY_CLASS, "CREATE", "UPDATE") or not (attributes.object or {}).get(
            "globalDefault"
        ):
            return
        present = self._default()
        if present is not None and present["metadata"]["name"] != attributes.name:
            name = present["metadata"]["name"]
            raise refusal(attributes, f"PriorityClass {name} is already marked as default. Only one default can exist")

    async def _resolve(self, attributes: Attributes, spec: Object) -> None:
        name = spec.get("priorityClassName", "")
        found = await find(self._reader, PRIORITY_CLASS, "", name) if name else self._default()
        if name and found is None:
            raise refusal(attributes, f"no PriorityClass with name {name} was found")
        if found is not None and not name:
            spec["priorityClassName"] = found["metadata"]["name"]
        value = found["value"] if found else 0
        policy = (found or {}).get("preemptionPolicy") or PREEMPTING
        if spec.get("priority") not in (None, value):
            raise refusal(attributes, f"the integer value of priority ({spec['priority']}) {NEITHER.format(value)}")
        if spec.get("preemptionPolicy") not in (None, policy):
            said = f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) {NEITHER.format(policy)}"
            raise refusal(attributes, said)
        spec |= {"priority": value, "preemptionPolicy": policy}

    def _keep(self, spec: Object, old: Object) -> None:
        """An update that does not mention them keeps what was resolved at the creation."""
        for field in ("priority", "preemptionPolicy"):
            if spec.get(field) is None and old.get(field) is not None:
                spec[field] = old[field]

    def _default(self) -> Object | None:
        marked = [each for each in self._reader.list(PRIORITY_CLASS) if each.get("globalDefault")]
        return min(marked, key=lambda each: int(each["value"])) if marked else None
