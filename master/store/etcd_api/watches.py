"""The Watch call: many watches over one stream, each created, fed and cancelled by its number.

How it works: a task reads what the client asks, a task a watch carries its events into one bounded queue, and the call
itself sends what is in that queue.  A client that does not read fills the queue, then its watches' own queues in the
store, which ends them; the client is told so by a cancel and can begin again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from master.store.contract import (
    CompactedError,
    DamagedError,
    Event,
    EventType,
    SlowWatcherError,
    Store,
    StoreUnavailableError,
    Watch,
)
from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.answers import Member, event_answer
from master.store.etcd_api.refusals import COMPACTED

ANSWERS_WAITING = 100
REVISIONS_WAITING = 10_000
NOTIFY_SECONDS = 600.0
FRAGMENT_BYTES = 1536 * 1024
ALL_WATCHES = -1
FILTERED = {pb.WatchCreateRequest.NOPUT: EventType.PUT, pb.WatchCreateRequest.NODELETE: EventType.DELETE}


class WatchStream:
    def __init__(self, store: Store, member: Member) -> None:
        self._store = store
        self._member = member
        self._answers: asyncio.Queue[pb.WatchResponse | None] = asyncio.Queue(ANSWERS_WAITING)
        self._watches: dict[int, Watch] = {}
        self._pumps: dict[int, asyncio.Task[None]] = {}
        self._notified: set[int] = set()
        self._marks_awaited: set[int] = set()
        self._next_number = 0

    async def answers(self, requests: AsyncIterator[pb.WatchRequest]) -> AsyncIterator[pb.WatchResponse]:
        """Until the client has asked its last and closes."""
        tasks = [asyncio.create_task(self._read(requests)), asyncio.create_task(self._notify())]
        try:
            while (answer := await self._answers.get()) is not None:
                yield answer
        finally:
            for task in (*tasks, *self._pumps.values()):
                task.cancel()
            for watch in self._watches.values():
                await watch.close()

    async def _read(self, requests: AsyncIterator[pb.WatchRequest]) -> None:
        async for request in requests:
            match request.WhichOneof("request_union"):
                case "create_request":
                    await self._create(request.create_request)
                case "cancel_request":
                    await self._cancel(request.cancel_request.watch_id)
                case "progress_request":
                    await self._ask_progress()
        await self._answers.put(None)

    async def _create(self, request: pb.WatchCreateRequest) -> None:
        number = request.watch_id or self._free_number()
        if number in self._watches:
            reason = "etcdserver: mvcc: duplicate watch ID provided on the WatchStream"
            await self._answer(ALL_WATCHES, created=True, canceled=True, cancel_reason=reason)
            return
        await self._answer(number, created=True)
        key, end = request.key or b"\0", request.range_end or None
        try:
            watch = await self._store.watch(key, end, max(0, request.start_revision), queue=REVISIONS_WAITING)
        except (CompactedError, StoreUnavailableError) as error:
            await self._tell_end(number, error)
            return
        self._watches[number] = watch
        if request.progress_notify:
            self._notified.add(number)
        self._pumps[number] = asyncio.create_task(self._pump(number, watch, request))

    def _free_number(self) -> int:
        while self._next_number in self._watches:
            self._next_number += 1
        return self._next_number

    async def _cancel(self, number: int) -> None:
        if number in self._watches:
            self._pumps.pop(number).cancel()
            await self._forget(number)
            await self._answer(number, canceled=True)

    async def _forget(self, number: int) -> None:
        await self._watches.pop(number).close()
        self._notified.discard(number)
        await self._mark_arrived(number)

    async def _pump(self, number: int, watch: Watch, request: pb.WatchCreateRequest) -> None:
        filtered = {FILTERED[kind] for kind in request.filters}
        try:
            async for revision, events in watch:
                if not events:
                    await self._mark(number, revision)
                    continue
                wanted = [event for event in events if event.type not in filtered]
                for answer in fragments(wanted, request):
                    await self._answer_with(answer, number, revision)
        except (CompactedError, DamagedError, SlowWatcherError, StoreUnavailableError) as error:
            del self._pumps[number]
            await self._forget(number)
            await self._tell_end(number, error)

    async def _mark(self, number: int, revision: int) -> None:
        if number in self._marks_awaited:
            await self._mark_arrived(number)
        elif number in self._notified:
            await self._answer_with(pb.WatchResponse(), number, revision)

    async def _ask_progress(self) -> None:
        """Answered once, when every watch of the stream has given its mark."""
        self._marks_awaited |= set(self._watches)
        if not self._marks_awaited:
            await self._answer(ALL_WATCHES)
        for watch in list(self._watches.values()):
            watch.progress()

    async def _mark_arrived(self, number: int) -> None:
        if number in self._marks_awaited:
            self._marks_awaited.remove(number)
            if not self._marks_awaited:
                await self._answer(ALL_WATCHES)

    async def _notify(self) -> None:
        while True:
            await asyncio.sleep(NOTIFY_SECONDS)
            for number in self._notified:
                self._watches[number].progress()

    async def _tell_end(self, number: int, error: Exception) -> None:
        if isinstance(error, CompactedError):
            oldest = error.compact_revision
            await self._answer(number, canceled=True, compact_revision=oldest, cancel_reason=COMPACTED)
        else:
            await self._answer(number, canceled=True, cancel_reason=f"etcdserver: {error}")

    async def _answer(self, number: int, **fields: bool | int | str) -> None:
        await self._answer_with(pb.WatchResponse(**fields), number, self._store.revision)  # type: ignore[arg-type]

    async def _answer_with(self, answer: pb.WatchResponse, number: int, revision: int) -> None:
        answer.watch_id = number
        answer.header.CopyFrom(self._member.header(revision))
        await self._answers.put(answer)


def fragments(events: list[Event], request: pb.WatchCreateRequest) -> Iterator[pb.WatchResponse]:
    """One answer for a revision; several, all but the last marked, where the client takes them and one is too large."""
    answer, size = pb.WatchResponse(), 0
    for event in events:
        message = event_answer(event, request.prev_kv)
        if request.fragment and answer.events and size + message.ByteSize() > FRAGMENT_BYTES:
            answer.fragment = True
            yield answer
            answer, size = pb.WatchResponse(), 0
        answer.events.append(message)
        size += message.ByteSize()
    if answer.events:
        yield answer
