"""Stored objects as bytes: canonical JSON without resourceVersion, and where the revision is spliced in.

How it works: canonical JSON opens with `{"kind":K,"apiVersion":V,"metadata":{`, the same bytes for every object of a
kind.  So the revision goes in at one fixed offset, an item of a list is the object without its first two members, and
both are made by joining slices, without a decode.  An entry never changes; a write makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kube.kinds import Kind
from master.api.fields import selectable_values

Object = dict[str, Any]
NO_LABELS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Shape:
    """The constant start of a kind's canonical JSON: `head` up to the first member of metadata."""

    kind: Kind
    head: bytes

    def encode(self, obj: Object) -> bytes:
        """Canonical JSON of the object: kind, apiVersion and metadata first, no resourceVersion."""
        meta = obj["metadata"]
        if "resourceVersion" in meta or "selfLink" in meta:
            meta = {key: value for key, value in meta.items() if key not in ("resourceVersion", "selfLink")}
        ordered = {"kind": self.kind.kind, "apiVersion": self.kind.api_version, "metadata": meta}
        for key, value in obj.items():
            if key not in ordered:
                ordered[key] = value
        return orjson.dumps(ordered)

    def tail(self, data: bytes) -> bytes:
        """Canonical JSON behind the head: what an entry keeps."""
        return data[len(self.head) :]


def shape_of(kind: Kind) -> Shape:
    head = f'{{"kind":"{kind.kind}","apiVersion":"{kind.api_version}","metadata":{{'
    return Shape(kind, head.encode())


@dataclass(frozen=True, slots=True)
class Attributes:
    """What selectors look at, taken from the object once, at its write."""

    labels: Mapping[str, str]
    fields: tuple[str, ...]


def attributes_of(kind: Kind, obj: Object) -> Attributes:
    return Attributes(obj["metadata"].get("labels") or NO_LABELS, selectable_values(kind, obj))


class Entry:
    """One object at one revision; `tail` is its canonical JSON behind the kind's head."""

    __slots__ = ("fields", "labels", "name", "namespace", "revision", "shape", "tail")

    def __init__(
        self, shape: Shape, namespace: str, name: str, tail: bytes, revision: int, attributes: Attributes
    ) -> None:
        self.shape = shape
        self.namespace = namespace
        self.name = name
        self.tail = tail
        self.revision = revision
        self.labels = attributes.labels
        self.fields = attributes.fields

    def __repr__(self) -> str:
        return f"Entry({self.shape.kind.qualified} {self.namespace}/{self.name} @{self.revision})"

    @property
    def key(self) -> str:
        """`namespace/name`, or `name`: the store's key without the kind's prefix."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def data(self) -> bytes:
        """Canonical JSON as stored."""
        return self.shape.head + self.tail

    def at(self, revision: int) -> Entry:
        """The same object under another revision: what a watcher sees of a deletion."""
        return Entry(self.shape, self.namespace, self.name, self.tail, revision, Attributes(self.labels, self.fields))

    def full(self) -> bytes:
        """With its revision; an object that was never stored (a dry run's) has none."""
        if not self.revision:
            return self.data
        return b'%b"resourceVersion":"%d",%b' % (self.shape.head, self.revision, self.tail)

    def decode(self) -> Object:
        """A fresh object with its resourceVersion; the caller may change it."""
        obj: Object = orjson.loads(self.data)
        if self.revision:
            obj["metadata"]["resourceVersion"] = str(self.revision)
        return obj


def items(entries: Iterable[Entry], head: bytes = b'{"metadata":{') -> list[bytes]:
    """The members of a list's `items`, in pieces that only have to be joined: each without kind and apiVersion.

    With a shape's own head, they keep them.
    """
    pieces: list[bytes] = []
    start = head + b'"resourceVersion":"%d",'
    for entry in entries:
        pieces.append(start % entry.revision)
        pieces.append(entry.tail)
        start = b"," + head + b'"resourceVersion":"%d",'
    return pieces
