"""`metadata.managedFields`: who owns which fields, read from an object and written to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kube.apply import sets
from kube.apply.sets import Node

APPLY, UPDATE = "Apply", "Update"
# More managers of updates than this are joined, the oldest first.
MAX_UPDATERS = 10
ANCIENT = "ancient-changes"


class Manager(NamedTuple):
    """Who: a name, how it writes, in which version and through which subresource."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""

    def described(self, time: str = "") -> str:
        """As a conflict names it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation == UPDATE:
            text += f" using {self.api_version}" + (f" at {time}" if time else "")
        return text


@dataclass
class Managers:
    """Each manager's fields, and when it last took one ("" when it never changed the object)."""

    fields: dict[Manager, Node] = field(default_factory=dict)
    times: dict[Manager, str] = field(default_factory=dict)

    def take_from_others(self, taken: Node, mine: Manager) -> None:
        """Removes fields from every manager but one."""
        for manager in list(self.fields):
            if manager != mine:
                self._keep(manager, sets.difference(self.fields[manager], taken))

    def drop(self, lost: Node) -> None:
        """Removes fields that are gone from every manager."""
        for manager in list(self.fields):
            self._keep(manager, sets.difference(self.fields[manager], lost))

    def give(self, manager: Manager, fields: Node, now: str) -> None:
        """Adds fields to a manager's."""
        mine = self.fields.get(manager)
        self.fields[manager] = sets.union(mine, fields) if mine else fields
        self.times[manager] = now

    def _keep(self, manager: Manager, left: Node) -> None:
        if left:
            self.fields[manager] = left
        else:
            del self.fields[manager]


def read(obj: dict[str, Any] | None) -> Managers:
    """The managers of an object; what cannot be understood is left out, as upstream forgets it."""
    managers = Managers()
    for entry in _entries(obj):
        fields = entry.get("fieldsV1")
        if isinstance(fields, dict) and entry.get("operation") in (APPLY, UPDATE):
            manager = Manager(
                entry.get("manager", ""), entry["operation"], entry.get("apiVersion", ""), entry.get("subresource", "")
            )
            managers.fields[manager] = fields
            managers.times[manager] = entry.get("time") or ""
    return managers


def _entries(obj: dict[str, Any] | None) -> list[dict[str, Any]]:
    return ((obj or {}).get("metadata") or {}).get("managedFields") or []


def claimed(new: dict[str, Any], old: dict[str, Any] | None) -> Managers:
    """The managers to start a write from: what the client sent back, the object's own where it sent none or nonsense.

    One empty entry is a client's way to have all owners forgotten.
    """
    entries = _entries(new)
    if entries == [{}]:
        return Managers()
    if not entries or entries == _entries(old):
        return read(old)
    sound = all(sets.is_sound(entry.get("fieldsV1")) for entry in entries)
    return read(new if sound else old)


def write(obj: dict[str, Any], managers: Managers) -> None:
    """Sets the object's managedFields, in upstream's order; without owners the field is absent."""
    if not isinstance(obj.get("metadata"), dict):
        obj["metadata"] = {}
    metadata = obj["metadata"]
    entries = [_entry(manager, fields, managers.times.get(manager, "")) for manager, fields in managers.fields.items()]
    if entries:
        entries.sort(key=_order)
        metadata["managedFields"] = entries
    else:
        metadata.pop("managedFields", None)


def _entry(manager: Manager, fields: Node, time: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
    }
    if time:
        entry["time"] = time
    entry["fieldsType"] = "FieldsV1"
    entry["fieldsV1"] = fields
    if manager.subresource:
        entry["subresource"] = manager.subresource
    return entry


def _order(entry: dict[str, Any]) -> tuple[str, ...]:
    keys = ("operation", "time", "manager", "apiVersion", "subresource")
    return tuple(entry.get(key, "") for key in keys)


def cap(managers: Managers) -> None:
    """Joins the oldest updaters of a version into one when there are too many."""
    updaters = [manager for manager in managers.fields if manager.operation == UPDATE]
    excess = len(updaters) - MAX_UPDATERS
    if excess <= 0:
        return
    updaters.sort(key=lambda manager: (managers.times.get(manager, ""), manager))
    for manager in updaters[: excess + 1]:
        ancient = Manager(ANCIENT, UPDATE, manager.api_version)
        if manager != ancient:
            managers.give(ancient, managers.fields.pop(manager), managers.times.pop(manager, ""))
