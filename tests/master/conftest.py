"""A reader in memory that tells its listeners of each change, for what reads the watch cache."""

import copy
from dataclasses import dataclass, field
from typing import Any

import pytest

from kube.kinds import Kind, kind_of
from master.api.entries import Entry, attributes_of, shape_of
from master.api.watchers import Change


@dataclass
class MemoryReader:
    objects: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    listeners: dict[str, list[Any]] = field(default_factory=dict)

    def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        return self.objects.get((kind.qualified, namespace, name))

    def list(self, kind: Kind, namespace: str = "") -> list[dict[str, Any]]:
        keys = sorted(key for key in self.objects if key[0] == kind.qualified and namespace in ("", key[1]))
        return [self.objects[key] for key in keys]

    def find_kind(self, api_version: str, kind: str) -> Kind | None:
        return None

    async def fresh(self) -> int:
        return 1

    def listen(self, kind: Kind, listener: Any) -> None:
        self.listeners.setdefault(kind.qualified, []).append(listener)

    def put(self, obj: dict[str, Any]) -> dict[str, Any]:
        key = self._key(obj)
        old = self.objects.get(key)
        self.objects[key] = obj
        obj["metadata"].setdefault("uid", f"uid-of-{obj['metadata']['name']}")
        self._tell(key, "MODIFIED" if old else "ADDED", obj)
        return obj

    def drop(self, obj: dict[str, Any]) -> None:
        key = self._key(obj)
        self._tell(key, "DELETED", self.objects.pop(key))

    def _key(self, obj: dict[str, Any]) -> tuple[str, str, str]:
        meta = obj["metadata"]
        return kind_of(obj).qualified, meta.get("namespace", ""), meta["name"]

    def _tell(self, key: tuple[str, str, str], event: str, obj: dict[str, Any]) -> None:
        kind = kind_of(obj)
        shape = shape_of(kind)
        tail = shape.tail(shape.encode(obj))
        change = Change(event, Entry(shape, key[1], key[2], tail, 1, attributes_of(kind, obj)), None)
        for listener in self.listeners.get(key[0], []):
            listener(change)


@pytest.fixture
def reader() -> MemoryReader:
    return MemoryReader()


@pytest.fixture(scope="session")
def make():
    """make("v1", "Pod", "ns/name", **members) → the object."""

    def object_of(api_version: str, kind: str, key: str, **members: Any) -> dict[str, Any]:
        namespace, _, name = key.rpartition("/")
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        extra = copy.deepcopy(members)
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata | extra.pop("metadata", {}), **extra}

    return object_of
