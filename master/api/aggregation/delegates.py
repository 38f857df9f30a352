"""Who answers for a group and version that no kind of ours has: kept from the APIServices in the cache.

An APIService with a Service wins over what is answered here for the same group and version, so that another metrics
server can be installed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from kube.kinds import known
from master.api.cache import Cache
from master.api.contract import Object, RequestInfo, UserInfo
from master.api.routing import Query, Route
from master.api.watchers import Change

log = logging.getLogger(__name__)

API_SERVICE = known("apiregistration.k8s.io/v1", "APIService")
GroupVersion = tuple[str, str]


class Delegate(Protocol):
    """`resources` are entries of an APIResourceList."""

    @property
    def resources(self) -> Sequence[Object]: ...

    async def serve(
        self, request: web.BaseRequest, asked: Route, query: Query, user: UserInfo
    ) -> web.StreamResponse: ...


Make = Callable[[Object], Delegate]
Show = Callable[[Mapping[GroupVersion, Sequence[Object]]], None]


class Delegates:
    """`own` answer here; `make` is what asks the server of an APIService."""

    def __init__(self, cache: Cache, own: Mapping[GroupVersion, Delegate], make: Make) -> None:
        self._cache = cache
        self._own = own
        self._make = make
        self._remote: dict[str, tuple[GroupVersion, Delegate]] = {}
        self._all: dict[GroupVersion, Delegate] = dict(own)
        self.show: Show = lambda _all: None
        """Told whenever what is answered has changed."""
        self.changed: Callable[[], None] = lambda: None
        """Told when an APIService has changed."""
        cache.listen(API_SERVICE, self._heard)
        cache.reloaded.append(self.reload)
        self.reload()

    def find(self, info: RequestInfo) -> Delegate | None:
        """Who answers; None: nobody but us."""
        if info.is_resource:
            return self._all.get((info.group, info.version))
        parts = info.path.strip("/").split("/")
        return self._all.get((parts[1], parts[2])) if len(parts) == 3 and parts[0] == "apis" else None

    def remote(self) -> Iterator[tuple[str, Delegate]]:
        """(APIService's name, who asks it)."""
        yield from [(name, delegate) for name, (_, delegate) in self._remote.items()]

    def publish(self) -> None:
        self._all = dict(self._own) | dict(self._remote.values())
        self.show({key: delegate.resources for key, delegate in self._all.items() if delegate.resources})

    def reload(self) -> None:
        self._remote.clear()
        for service in self._cache.list(API_SERVICE):
            self._take(service)
        self.publish()

    def _heard(self, change: Change) -> None:
        name = change.entry.name
        before = self._remote.pop(name, None)
        if change.type != "DELETED":
            self._take(change.entry.decode(), before)
        if before is not None or name in self._remote:
            self.publish()
            self.changed()

    def _take(self, service: Object, before: tuple[GroupVersion, Any] | None = None) -> None:
        spec = service["spec"]
        if not spec.get("service"):
            return
        if before is not None and before[1].spec == spec:  # its status has changed
            self._remote[service["metadata"]["name"]] = before
            return
        key = (spec.get("group", ""), spec["version"])
        self._remote[service["metadata"]["name"]] = (key, self._make(service))
        log.info("delegating %s/%s service=%s/%s", *key, spec["service"]["namespace"], spec["service"]["name"])
