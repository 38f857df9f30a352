"""The types of an object as server-side apply sees them: what is one value, and what merges field by field or by key.

Each type knows five things about its values: which fields one has (`owned`, `added`), how two differ (`changes`), how they
merge, and what is left when fields are given up (`prune`).  Field sets are kube/apply/sets.py's trees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kube.apply.sets import LEAF, SELF, Node, is_member

# Keys of list items that have a default, for items that leave them out.
KEY_DEFAULTS = {"protocol": "TCP"}
Change = tuple[Node | None, Node | None]
SAME: Change = (None, None)


class SchemaError(ValueError):
    """A value that its schema does not know, with the path to it."""

    def __init__(self, complaint: str) -> None:
        super().__init__(complaint)
        self.path = ""

    def inside(self, element: str) -> SchemaError:
        self.path = element + self.path
        return self

    def __str__(self) -> str:
        return f"{self.path}: {self.args[0]}"


class Leaf:
    """One value: a scalar, or a list or map that is replaced whole."""

    named = False

    def owned(self, value: Any) -> Node | None:
        """The fields an applied value owns; None when it owns none."""
        return LEAF

    def added(self, value: Any) -> Node:
        """The fields of a value that was not there before, itself included."""
        return LEAF

    def changes(self, old: Any, new: Any) -> Change:
        """The fields that are new or different, and those that are gone; None for none."""
        return SAME if old == new and type(old) is type(new) else (LEAF, None)

    def merge(self, live: Any, applied: Any) -> Any:
        return applied

    def prune(self, value: Any, last: Node, managed: Node) -> Any:
        """The value without the fields of `last` that `managed` does not keep."""
        return value


LEAF_TYPE = Leaf()


class Struct(Leaf):
    """A map whose keys are known, each with its type; a table filled after the fact, so that types may recurse."""

    def __init__(self, named: bool = True) -> None:
        self.named = named
        self.fields: dict[str, tuple[str, Leaf]] = {}

    def field(self, key: str) -> tuple[str, Leaf] | None:
        return self.fields.get(key)

    def owned(self, value: Any) -> Node | None:
        if value is None or value == {}:
            return LEAF
        if not isinstance(value, dict):
            raise SchemaError(f"expected map, got {orjson.dumps(value).decode()}")
        node: Node = {}
        for key, item in value.items():
            known = self.field(key)
            if known is None:
                raise SchemaError("field not declared in schema").inside(f".{key}")
            try:
                child = known[1].owned(item)
            except SchemaError as error:
                raise error.inside(f".{key}") from None
            if child is not None:
                node[known[0]] = child
        return node or None

    def added(self, value: Any) -> Node:
        node: Node = {}
        if isinstance(value, dict):
            for key, item in value.items():
                known = self.field(key)
                if known is not None:
                    node[known[0]] = LEAF if known[1] is LEAF_TYPE else known[1].added(item)
        if node:
            node[SELF] = LEAF
        return node

    def changes(self, old: Any, new: Any) -> Change:
        if not (isinstance(old, dict) and isinstance(new, dict)):
            return LEAF, None
        gained: Node = {}
        lost: Node = {}
        for key, item in new.items():
            before = old.get(key)
            if item is None or (before == item and type(before) is type(item)):
                continue
            known = self.field(key)
            if known is not None:
                self._compare(known, key in old, before, item, gained, lost)
        for key, item in old.items():
            if item is not None and new.get(key) is None:
                known = self.field(key)
                if known is not None:
                    lost[known[0]] = known[1].added(item)
        return gained or None, lost or None

    @staticmethod
    def _compare(known: tuple[str, Leaf], present: bool, old: Any, new: Any, gained: Node, lost: Node) -> None:
        name, type_ = known
        if not present:
            gained[name] = LEAF if type_ is LEAF_TYPE else type_.added(new)
        elif old is None:
            # A null was there: what is in the value is new, the value's place is not.
            node = type_.added(new)
            gained[name] = {key: child for key, child in node.items() if key != SELF} if node else LEAF
        else:
            more, less = type_.changes(old, new)
            if more is not None:
                gained[name] = more
            if less is not None:
                lost[name] = less

    def merge(self, live: Any, applied: Any) -> Any:
        if not isinstance(applied, dict):
            return applied
        merged = dict(live) if isinstance(live, dict) else {}
        for key, item in applied.items():
            known = self.field(key)
            merged[key] = known[1].merge(merged.get(key), item) if known else item
        return merged

    def prune(self, value: Any, last: Node, managed: Node) -> Any:
        if not isinstance(value, dict):
            return value
        pruned = dict(value)
        for key, item in value.items():
            known = self.field(key)
            if known is None or known[0] not in last:
                continue
            given_up, kept = last[known[0]], managed.get(known[0])
            if kept is None and (is_member(given_up) or known[1].named):
                del pruned[key]
                continue
            left = known[1].prune(item, given_up, kept or LEAF)
            if item and left in ({}, []):
                del pruned[key]
            else:
                pruned[key] = left
        return pruned


class Map(Struct):
    """A map of any keys to one type."""

    def __init__(self, element: Leaf) -> None:
        super().__init__(named=False)
        self.element = element

    def field(self, key: str) -> tuple[str, Leaf] | None:
        return f"f:{key}", self.element


class Items(Leaf):
    """A list whose items are told apart: by key fields, or as a set of scalars."""

    def __init__(self, element: Leaf, identify: Callable[[Any], str]) -> None:
        self.element, self.identify = element, identify

    def _indexed(self, items: Any) -> dict[str, list[Any]]:
        index: dict[str, list[Any]] = {}
        for item in items if isinstance(items, list) else ():
            index.setdefault(self.identify(item), []).append(item)
        return index

    def owned(self, value: Any) -> Node | None:
        if value is None:
            return LEAF
        if not isinstance(value, list):
            raise SchemaError(f"expected list, got {orjson.dumps(value).decode()}")
        node: Node = {}
        for item in value:
            name = self.identify(item)
            if name in node:
                raise SchemaError(f"duplicate entries for key [{name[2:]}]")
            try:
                child = self.element.owned(item)
            except SchemaError as error:
                raise error.inside(f"[{name[2:]}]") from None
            node[name] = {SELF: LEAF} | child if child else LEAF
        return node or None

    def added(self, value: Any) -> Node:
        if not isinstance(value, list) or not value:
            return LEAF
        node = {self.identify(item): self.element.added(item) for item in value}
        node[SELF] = LEAF
        return node

    def changes(self, old: Any, new: Any) -> Change:
        before, after = self._indexed(old), self._indexed(new)
        gained: Node = {}
        lost: Node = {}
        for name, items in after.items():
            if name not in before:
                gained[name] = self.element.added(items[0])
            elif len(items) > 1 or len(before[name]) > 1:
                if items != before[name]:
                    gained[name] = LEAF
            elif items != before[name]:
                more, less = self.element.changes(before[name][0], items[0])
                if more is not None:
                    gained[name] = more
                if less is not None:
                    lost[name] = less
        lost |= {name: self.element.added(items[0]) for name, items in before.items() if name not in after}
        return gained or None, lost or None

    def merge(self, live: Any, applied: Any) -> Any:
        """The applied order among the applied; what only the live list has stays where it stood between them."""
        if not isinstance(applied, list) or not isinstance(live, list):
            return applied
        present, wanted = self._indexed(live), self._indexed(applied)
        order = list(wanted)
        shared = [name for name in order if name in present]
        merged: list[Any] = []
        for name, items in present.items():
            if name not in wanted:
                merged += items
            elif shared and name == shared[0]:
                upto = order.index(name) + 1
                merged += self._merged(present, wanted, order[:upto])
                order, shared = order[upto:], shared[1:]
        return merged + self._merged(present, wanted, order)

    def _merged(self, present: dict[str, list[Any]], wanted: dict[str, list[Any]], names: list[str]) -> list[Any]:
        return [
            self.element.merge(present[name][0], wanted[name][0]) if name in present else wanted[name][0]
            for name in names
        ]

    def prune(self, value: Any, last: Node, managed: Node) -> Any:
        if not isinstance(value, list):
            return value
        pruned: list[Any] = []
        for item in value:
            name = self.identify(item)
            if name not in last:
                pruned.append(item)
            elif name in managed or not is_member(last[name]):
                pruned.append(self.element.prune(item, last[name], managed.get(name, LEAF)))
        return pruned


def by_keys(keys: tuple[str, ...]) -> Callable[[Any], str]:
    """Names an item by its key fields: `k:{"containerPort":80,"protocol":"TCP"}`."""
    ordered = sorted(keys)

    def identify(item: Any) -> str:
        if not isinstance(item, dict):
            raise SchemaError(f"expected map, got {orjson.dumps(item).decode()}")
        found = {}
        for key in ordered:
            value = item.get(key, KEY_DEFAULTS.get(key))
            if value is not None:
                found[key] = value
        if not found:
            raise SchemaError(f"associative list with keys has an element that omits key field {ordered[0]!r}")
        return "k:" + orjson.dumps(found).decode()

    return identify


def by_value(item: Any) -> str:
    """Names a scalar of a set: `v:"x"`."""
    return "v:" + orjson.dumps(item).decode()
