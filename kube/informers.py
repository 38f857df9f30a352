"""A local copy of a kind kept by list and watch, and indexes over it: what controllers and agents read instead of asking.

Contract: `store` is the present as far as it was heard, `synced` is set once the first list is in.  Callbacks see every
difference (ADDED, MODIFIED, DELETED), also those found by comparing after a gap, in order, on the loop; they must not wait.
`usable` is set with `synced`, or earlier by `restore`: then the store is what was known once, until the first list is in.

How it resumes: a watch that ends is taken up again at the last version seen; only 410 lists anew, and the list is then
compared with the store, so that what vanished meanwhile is told as DELETED.  `project` keeps what is needed of an
object: a change that it does not show is not told.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import aiohttp

from kube.client import Client
from kube.errors import ApiError, words_of
from kube.kinds import Kind

log = logging.getLogger(__name__)

Key = tuple[str, str]
OnChange = Callable[[str, Any, Any], None]
Project = Callable[[dict[str, Any]], Any]
MOST_DELAY = 5.0
"""A thousand agents are back within seconds of their master, and knock 200 times a second at most while it is away."""
LINK_FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


class Backoff:
    """Delays that double from `first` to `most`, each spread over half to one and a half of itself."""

    def __init__(self, first: float = 0.1, most: float = MOST_DELAY, rng: random.Random | None = None) -> None:
        self._first, self._most = first, most
        self._next = first
        self._rng = rng or random.Random()

    def reset(self) -> None:
        self._next = self._first

    def delay(self) -> float:
        base, self._next = self._next, min(self._next * 2, self._most)
        return base * self._rng.uniform(0.5, 1.5)


class Informer:
    """Run `run()` in a task; one informer may serve any number of readers and callbacks."""

    def __init__(
        self,
        client: Client,
        kind: Kind,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        project: Project | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.kind = kind
        self.store: dict[Key, Any] = {}
        self.synced = asyncio.Event()
        self.usable = asyncio.Event()
        self.version = ""
        self._client = client
        self._scope: dict[str, Any] = {"namespace": namespace, "labels": labels, "fields": fields}
        self._project = project or _whole
        self._rng = rng or random.Random()
        self._backoff = Backoff(rng=self._rng)
        self._callbacks: list[OnChange] = []

    def on_change(self, callback: OnChange) -> None:
        """`callback(event_type, old, new)`; what is known already is told at once, as ADDED."""
        self._callbacks.append(callback)
        for obj in self.store.values():
            callback("ADDED", None, obj)

    def restore(self, objects: Iterable[Any]) -> None:
        """Begin with what was known once, as projected; the first list will tell the differences.  Too late after it."""
        if not self.synced.is_set():
            self.replace({key_of(obj): obj for obj in objects})
            self.usable.set()

    async def run(self) -> None:
        """Follow the kind until cancelled."""
        while True:
            try:
                if not self.version:
                    await self._list()
                await self._watch()
            except ApiError as error:
                if error.status == 410:
                    if self.version:
                        self._backoff.reset()  # the server is back and answers: no need to spare it for long
                    self.version = ""
                    if self.synced.is_set():
                        log.info("informer gap kind=%s, listing anew", self.kind.qualified)
                else:
                    log.warning("informer refused kind=%s error=%s", self.kind.qualified, error)
            except LINK_FAILURES as error:
                log.info("informer link lost kind=%s error=%s", self.kind.qualified, words_of(error))
            await asyncio.sleep(self._backoff.delay())

    async def poll(self, period: float) -> None:
        """Instead of `run`: list each `period` seconds, for kinds whose changes may be learned late."""
        while True:
            try:
                await self._list()
                await asyncio.sleep(self._rng.uniform(0.9, 1.1) * period)
                continue
            except ApiError as error:
                log.warning("informer refused kind=%s error=%s", self.kind.qualified, error)
            except LINK_FAILURES as error:
                log.info("informer link lost kind=%s error=%s", self.kind.qualified, words_of(error))
            await asyncio.sleep(self._backoff.delay())

    async def _list(self) -> None:
        seen: dict[Key, Any] = {}
        version = ""
        async for items, version in self._client.pages(self.kind, **self._scope):  # noqa: B007 (the last one is kept)
            seen.update((key_of(obj), self._project(obj)) for obj in items)
        self.replace(seen)
        self.version = version
        self._backoff.reset()
        self.synced.set()
        self.usable.set()

    async def _watch(self) -> None:
        timeout = self._rng.uniform(300, 600)
        async for event_type, obj in self._client.watch(self.kind, rv=self.version, timeout=timeout, **self._scope):
            self._backoff.reset()
            self.version = obj["metadata"].get("resourceVersion") or self.version
            if event_type != "BOOKMARK":
                self.apply(key_of(obj), None if event_type == "DELETED" else self._project(obj))

    def replace(self, seen: dict[Key, Any]) -> None:
        """Make the store equal `seen`, telling each difference."""
        for key in [key for key in self.store if key not in seen]:
            self.apply(key, None)
        for key, obj in seen.items():
            self.apply(key, obj)

    def apply(self, key: Key, new: Any) -> None:
        """One object's present state, None when it is gone; equal states are not told."""
        old = self.store.get(key)
        if new is None:
            if old is None:
                return
            del self.store[key]
            event = "DELETED"
        else:
            if old is not None and old == new:
                return
            self.store[key] = new
            event = "ADDED" if old is None else "MODIFIED"
        for callback in self._callbacks:
            try:
                callback(event, old, new)
            except Exception:
                log.exception("informer callback failed kind=%s object=%s/%s", self.kind.qualified, *key)


class Index:
    """Objects of an informer by what `words(obj)` yields: `index.get(owner_uid)` without a search."""

    def __init__(self, informer: Informer, words: Callable[[Any], Iterable[Hashable]]) -> None:
        self._words = words
        self._found: dict[Hashable, dict[int, Any]] = {}
        informer.on_change(self._follow)

    def get(self, word: Hashable) -> list[Any]:
        return list(self._found.get(word, {}).values())

    def __contains__(self, word: Hashable) -> bool:
        return word in self._found

    def _follow(self, _event: str, old: Any, new: Any) -> None:
        if old is not None:
            for word in self._words(old):
                entries = self._found[word]
                del entries[id(old)]
                if not entries:
                    del self._found[word]
        if new is not None:
            for word in self._words(new):
                self._found.setdefault(word, {})[id(new)] = new


def key_of(obj: dict[str, Any]) -> Key:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def unmanaged(obj: dict[str, Any]) -> dict[str, Any]:
    """A projection: everything but who wrote which field, often half of an object."""
    meta = obj["metadata"]
    return {**obj, "metadata": {name: value for name, value in meta.items() if name != "managedFields"}}


def _whole(obj: dict[str, Any]) -> dict[str, Any]:
    return obj
