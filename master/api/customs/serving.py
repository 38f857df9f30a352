"""Keeps the served kinds and the cache's collections as the definitions in the cache say, at each of their changes.

Contract: called by the cache itself, within the revision that changed a definition, so that whoever sees a definition
established sees its kinds served.  A definition that cannot be read is left out, with a word in the log.
"""

from __future__ import annotations

import logging
from typing import Any

from kube.kinds import Kind
from master.api.cache import Cache
from master.api.customs.definitions import (
    DEFINITION,
    ESTABLISHED,
    TERMINATING,
    accepted_names,
    holds,
    kinds_of,
    stored_kind,
)
from master.api.served import Served
from master.api.watchers import DELETED, Change

log = logging.getLogger(__name__)

Object = dict[str, Any]
UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, StopIteration)


class Serving:
    def __init__(self, cache: Cache, served: Served) -> None:
        self._cache = cache
        self._served = served
        self._kinds: dict[str, list[Kind]] = {}
        self._stored: dict[str, Kind] = {}
        self._read: dict[str, tuple[Object, Object, bool]] = {}
        cache.listen(DEFINITION, self._changed)
        cache.reloaded.append(self.reload)

    def reload(self) -> None:
        """Everything anew, from the definitions the cache holds."""
        definitions = {obj["metadata"]["name"]: obj for obj in self._cache.list(DEFINITION)}
        for name in [name for name in self._stored if name not in definitions]:
            self._drop(name)
        for name, definition in definitions.items():
            self._take(name, definition)
        self._show()

    def _changed(self, change: Change) -> None:
        if change.type == DELETED:
            self._drop(change.entry.name)
        else:
            self._take(change.entry.name, change.entry.decode())
        self._show()

    def _take(self, name: str, definition: Object) -> None:
        read = (definition["spec"], accepted_names(definition), holds(definition, TERMINATING))
        before = self._read.get(name)
        if not holds(definition, ESTABLISHED) or read == before:
            return
        try:
            kinds, stored = kinds_of(definition), stored_kind(definition)
        except UNREADABLE as error:
            log.error("left out a definition that cannot be read name=%s: %r", name, error)
            return
        if before is None:
            self._cache.add_kind(stored)
            log.info("serving %s", name)
        elif before[:2] != read[:2]:
            self._cache.change_kind(stored)
        self._read[name] = read
        self._kinds[name], self._stored[name] = kinds, stored

    def _drop(self, name: str) -> None:
        self._kinds.pop(name, None)
        self._read.pop(name, None)
        stored = self._stored.pop(name, None)
        if stored is not None:
            self._cache.drop_kind(stored)
            log.info("no longer serving %s", name)

    def _show(self) -> None:
        ordered = sorted(self._kinds.values(), key=lambda kinds: [(kind.group, kind.plural) for kind in kinds[:1]])
        self._served.serve(kind for kinds in ordered for kind in kinds)
