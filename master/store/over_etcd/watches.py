"""A watch over etcd: it outlives connections and members, and goes on at the revision it had come to.

How it works: each watch is one stream, read only when its reader asks for more, so that what waits lies in etcd and its
queue needs no bound of ours.  etcd sends all events of a revision in one answer.  When the stream breaks off, the next
begins at the revision after the last that was handed out.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio

from master.store.contract import CompactedError, Event, StoreUnavailableError
from master.store.etcd_api import rpc_pb2 as pb
from master.store.over_etcd.members import AGAIN, EOF, Connection, Members, ended_with
from master.store.over_etcd.messages import entries

log = logging.getLogger(__name__)

PATH = "/etcdserverpb.Watch/Watch"


class EtcdWatch:
    """`seen` is told of every revision that comes by, `compacted` of the oldest when etcd refuses an older one."""

    def __init__(
        self,
        members: Members,
        key: bytes,
        end: bytes | None,
        start: int,
        seen: Callable[[int], None],
        compacted: Callable[[int], None],
    ) -> None:
        self._members = members
        self._key = key
        self._range_end = end or b""
        self._next = start
        self._seen = seen
        self._compacted = compacted
        self._entries: deque[tuple[int, list[Event]]] = deque()
        self._end: Exception | None = None
        self._connection: Connection | None = None
        self._stream: grpc.aio.StreamStreamCall[Any, Any] | None = None

    def __aiter__(self) -> EtcdWatch:
        return self

    async def __anext__(self) -> tuple[int, list[Event]]:
        while not self._entries:
            if self._end is not None:
                raise self._end
            self._take(await self._read())
        return self._entries.popleft()

    def progress(self) -> None:
        """Nothing to ask: etcd's marks come by themselves.  (Asked for, 3.4.23 sends them before the events.)"""

    def end(self, reason: Exception) -> None:
        self._end = self._end or reason
        if self._stream is not None:
            self._stream.cancel()
            self._drop()

    async def close(self) -> None:
        self._entries.clear()
        self.end(StopAsyncIteration())

    async def open(self) -> None:
        """Returns when etcd has said that it watches; tries one member after the other until there is one."""
        while self._stream is None:
            if self._end is not None:
                raise self._end
            connection = self._members.connection()
            try:
                async with asyncio.timeout(self._members.patience):
                    await self._begin(connection)
            except (TimeoutError, grpc.aio.AioRpcError, StoreUnavailableError) as error:
                await self._lost(connection, str(error) or "no answer to a watch")
            except asyncio.CancelledError:
                if not ended_with(connection):
                    raise
                await self._lost(connection, "left")

    async def _begin(self, connection: Connection) -> None:
        stream = self._stream = self._members.stream(connection, PATH, pb.WatchResponse)
        self._connection = connection
        wanted = pb.WatchCreateRequest(
            key=self._key, range_end=self._range_end, start_revision=self._next, progress_notify=True, prev_kv=True
        )
        await stream.write(pb.WatchRequest(create_request=wanted))
        answer: Any = await stream.read()
        if answer is EOF or not answer.created:
            raise StoreUnavailableError("etcd ended a watch at its begin")
        self._next = self._next or answer.header.revision + 1
        self._seen(answer.header.revision)

    async def _read(self) -> pb.WatchResponse:
        while True:
            await self.open()
            stream, connection = self._stream, self._connection
            if stream is None or connection is None:
                continue
            try:
                answer: Any = await stream.read()
            except grpc.aio.AioRpcError as error:
                await self._lost(connection, error.details() or error.code().name)
            except asyncio.CancelledError:
                if self._end is not None:
                    raise self._end from None
                if not ended_with(connection):
                    raise
                await self._lost(connection, "left")
            else:
                if answer is not EOF:
                    found: pb.WatchResponse = answer
                    return found
                await self._lost(connection, "the stream ended")

    def _take(self, answer: pb.WatchResponse) -> None:
        if answer.compact_revision:
            self._compacted(answer.compact_revision)
            self.end(CompactedError(answer.compact_revision))
        elif answer.canceled:
            self.end(StoreUnavailableError(f"etcd ended the watch: {answer.cancel_reason}"))
        elif answer.events:
            self._entries.extend(entries(answer))
            self._reached(self._entries[-1][0])
        elif not answer.created and answer.header.revision >= self._next:
            self._entries.append((answer.header.revision, []))
            self._reached(answer.header.revision)

    def _reached(self, revision: int) -> None:
        self._next = revision + 1
        self._seen(revision)

    async def _lost(self, connection: Connection, why: str) -> None:
        self._drop()
        self._members.leave(connection, why)
        log.debug("watch goes on at revision=%d: %s", self._next, why)
        await asyncio.sleep(AGAIN)

    def _drop(self) -> None:
        if self._connection is not None and self._stream is not None:
            self._connection.streams.discard(self._stream)
        self._stream = self._connection = None
