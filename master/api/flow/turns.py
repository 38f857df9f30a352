"""Whose turn it is: each priority level takes so many requests a turn of the event loop; the others wait in fair queues.

How it works.  One thread answers all requests, so what a flood takes from others is turns of the loop.  A level's share
is a number of units a turn (a list costs more than a get).  While a level is within it, a request passes with two
additions; beyond, it waits in its flow's queue (a flow is mostly a user), and the flows of a level are served in rotation.
A flow whose queue is full is refused with 429; the refusal is held back for as long as the client is told to wait, so that
one that does not listen cannot make refusing it expensive.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from kube.errors import ApiError
from kube.kinds import known
from master.api.cache import Cache
from master.api.contract import Object, RequestInfo, UserInfo
from master.api.flow import schemas

log = logging.getLogger(__name__)

SCHEMA = known("flowcontrol.apiserver.k8s.io/v1", "FlowSchema")
LEVEL = known("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration")
SHARES_A_UNIT = 2
"""Concurrency shares of a level that make one unit a turn."""
WAITING = 128
"""Requests of one flow that may wait."""
RETRY_SECONDS = 1
COSTS = {"list": 5, "deletecollection": 5, "watch": 2}
REMEMBERED = 20_000


@dataclass(slots=True)
class Flow:
    """The waiting requests of one flow, first come first served."""

    waiting: deque[tuple[asyncio.Future[None], int]] = field(default_factory=deque)


@dataclass(slots=True)
class Level:
    """One priority level: `budget` units a turn, of which `used` are spent; the flows that wait, in rotation."""

    name: str
    budget: int
    queues: bool = True
    used: int = 0
    flows: dict[tuple[str, str], Flow] = field(default_factory=dict)

    def room_for(self, cost: int) -> bool:
        return self.used == 0 or self.used + cost <= self.budget

    def next_turn(self) -> None:
        """Lets in what has room now: one of each flow, again and again."""
        self.used = 0
        while self.flows:
            key = next(iter(self.flows))
            flow = self.flows[key]
            if not self.room_for(flow.waiting[0][1]):
                return
            waiter, cost = flow.waiting.popleft()
            del self.flows[key]
            if flow.waiting:
                self.flows[key] = flow  # to the end of the rotation
            if not waiter.done():
                self.used += cost
                waiter.set_result(None)


def level_of(configuration: Object) -> Level | None:
    """None: exempt."""
    spec = configuration["spec"]
    if spec.get("type") == "Exempt":
        return None
    limited = spec.get("limited") or {}
    shares = limited.get("nominalConcurrencyShares", 30)
    queues = (limited.get("limitResponse") or {}).get("type") == "Queue"
    return Level(configuration["metadata"]["name"], max(1, shares // SHARES_A_UNIT), queues)


class Turns:
    """`enter` is asked for every request, before it does anything that costs."""

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._schemas: list[Object] = []
        self._levels: dict[str, Level | None] = {}
        self._known: dict[tuple[object, ...], tuple[Level, tuple[str, str], int] | None] = {}
        self._turning = False
        self.refused = 0

    def configure(self, flow_schemas: Iterable[Object], levels: Iterable[Object]) -> None:
        """From now on these; what waits in a level that is no more goes on."""
        before = self._levels
        self._schemas = schemas.in_order(flow_schemas)
        self._levels = {obj["metadata"]["name"]: level_of(obj) for obj in levels}
        self._known.clear()
        for level in filter(None, before.values()):
            for flow in level.flows.values():
                for waiter, _ in flow.waiting:
                    if not waiter.done():
                        waiter.set_result(None)

    def enter(self, user: UserInfo, info: RequestInfo) -> Awaitable[None] | None:
        """None: go on.  Else wait for it; it may be ApiError 429."""
        key = (user.name, user.groups, info.verb, info.group, info.resource, info.subresource, info.namespace)
        try:
            found = self._known[key]
        except KeyError:
            found = self._classify(user, info, key)
        if found is None:
            return None
        level, flow, cost = found
        if level.flows or not level.room_for(cost):
            return self._wait(level, flow, cost)
        level.used += cost
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)
        return None

    def _classify(
        self, user: UserInfo, info: RequestInfo, key: tuple[object, ...]
    ) -> tuple[Level, tuple[str, str], int] | None:
        schema = schemas.find(self._schemas, user, info)
        level = self._levels.get(schema["spec"]["priorityLevelConfiguration"]["name"]) if schema is not None else None
        found = None
        if schema is not None and level is not None:
            flow = (schema["metadata"]["name"], schemas.flow_of(schema, user, info))
            found = level, flow, COSTS.get(info.verb, 1)
        if info.is_resource:  # other paths tell themselves apart by more than the key
            if len(self._known) > REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return found

    def _wait(self, level: Level, key: tuple[str, str], cost: int) -> Awaitable[None]:
        flow = level.flows.get(key)
        if flow is None:
            flow = Flow()
        if not level.queues or len(flow.waiting) >= WAITING:
            return self._refuse(level, key)
        level.flows[key] = flow
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        flow.waiting.append((waiter, cost))
        return waiter

    async def _refuse(self, level: Level, key: tuple[str, str]) -> None:
        if self.refused % 1000 == 0:
            log.warning("flood refused level=%s schema=%s flow=%s refused=%d", level.name, *key, self.refused + 1)
        self.refused += 1
        await self._sleep(RETRY_SECONDS)
        said = "too many requests, please try again later"
        raise ApiError(429, "TooManyRequests", said, details={"retryAfterSeconds": RETRY_SECONDS})

    def _turn(self) -> None:
        waits = False
        for level in self._levels.values():
            if level is not None:
                level.next_turn()
                waits = waits or bool(level.flows) or level.used > 0
        self._turning = waits
        if waits:
            asyncio.get_running_loop().call_soon(self._turn)


def build(cache: Cache) -> Turns:
    """Kept by the FlowSchemas and priority levels in the cache."""
    turns = Turns()

    def configure() -> None:
        turns.configure(cache.list(SCHEMA), cache.list(LEVEL))

    for kind in (SCHEMA, LEVEL):
        cache.listen(kind, lambda _change: configure())
    cache.reloaded.append(configure)
    configure()
    return turns
