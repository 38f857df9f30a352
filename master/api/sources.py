"""The watch cache as rooms follow it: reading, being told of each change, and waiting until nothing acknowledged is missing."""

from __future__ import annotations

from typing import Any, Protocol

from kube.kinds import Kind
from master.api.contract import Object, Reader


class Change(Protocol):
    """One write, as the watch cache tells it: type is ADDED, MODIFIED or DELETED; `entry.decode()` is the object."""

    @property
    def type(self) -> str: ...
    @property
    def entry(self) -> Any: ...


class Fresh(Reader, Protocol):
    async def fresh(self) -> int:
        """Waits until every acknowledged write can be read."""
        ...

    def find_kind(self, api_version: str, kind: str) -> Kind | None:
        """The row of a kind that a definition has named, as it is stored."""
        ...


class Source(Fresh, Protocol):
    def listen(self, kind: Kind, listener: Any) -> None:
        """`listener(change)` at every change of the kind, at once; it must not wait."""
        ...


async def find(reader: Fresh, kind: Kind, namespace: str, name: str) -> Object | None:
    """The object; what is missing is looked for again when the reader is fresh: it may have just been written."""
    found = reader.get(kind, namespace, name)
    if found is None:
        await reader.fresh()
        found = reader.get(kind, namespace, name)
    return found
