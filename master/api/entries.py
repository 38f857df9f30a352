"""Stored objects as bytes: canonical JSON without resourceVersion, and where the revision is spliced in.

How it works: canonical JSON opens with `{"kind":K,"apiVersion":V,"metadata":{`, the same bytes for every object of a
kind.  So the revision goes in at one fixed offset, an item of a list is the object without its first two members, and
both are made by joining slices, without a decode.  An entry never changes; a write makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    item_head: bytes

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

    def canonical(self, value: bytes) -> bytes:
        """The same JSON in canonical order, for values that others have put into the store."""
        return value if value.startswith(self.head) else self.encode(orjson.loads(value))

    def full(self, data: bytes, revision: int) -> bytes:
        """With its revision; an object that was never stored (a dry run's) has none."""
        if not revision:
            return data
        return b'%b"resourceVersion":"%d",%b' % (self.head, revision, data[len(self.head) :])

    def item(self, data: bytes, revision: int) -> bytes:
        """As an item of a list: without kind and apiVersion."""
        return b'%b"resourceVersion":"%d",%b' % (self.item_head, revision, data[len(self.head) :])


def shape_of(kind: Kind) -> Shape:
    head = f'{{"kind":"{kind.kind}","apiVersion":"{kind.api_version}","metadata":{{'
    return Shape(kind, head.encode(), b'{"metadata":{')


@dataclass(frozen=True, slots=True)
class Attributes:
    """What selectors look at, taken from the object once, at its write."""

    labels: Mapping[str, str]
    fields: tuple[str, ...]


def attributes_of(kind: Kind, obj: Object) -> Attributes:
    return Attributes(obj["metadata"].get("labels") or NO_LABELS, selectable_values(kind, obj))


class Entry:
    """One object at one revision."""

    __slots__ = ("data", "fields", "labels", "name", "namespace", "revision", "shape")

    def __init__(
        self, shape: Shape, namespace: str, name: str, data: bytes, revision: int, attributes: Attributes
    ) -> None:
        self.shape = shape
        self.namespace = namespace
        self.name = name
        self.data = data
        self.revision = revision
        self.labels = attributes.labels
        self.fields = attributes.fields

    def __repr__(self) -> str:
        return f"Entry({self.shape.kind.qualified} {self.namespace}/{self.name} @{self.revision})"

    def at(self, revision: int) -> Entry:
        """The same object under another revision: what a watcher sees of a deletion."""
        return Entry(self.shape, self.namespace, self.name, self.data, revision, Attributes(self.labels, self.fields))

    def full(self) -> bytes:
        return self.shape.full(self.data, self.revision)

    def item(self) -> bytes:
        return self.shape.item(self.data, self.revision)

    def decode(self) -> Object:
        """A fresh object with its resourceVersion; the caller may change it."""
        obj: Object = orjson.loads(self.data)
        if self.revision:
            obj["metadata"]["resourceVersion"] = str(self.revision)
        return obj
