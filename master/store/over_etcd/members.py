"""The way to etcd's members: one connection at a time, to the next member when this one does not answer.

How it works: calls go to the preferred member, the first of the list at the start.  A member that cannot be reached or
does not answer in time is left: the next is dialled, with the certificates as they are on the disk by then, and the
streams of the old connection are ended so that they go on over the new one.  Reads and what never left are asked again
until the patience is over; a write that may have been done is never sent twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from master.store.contract import OutcomeUnknownError, StoreUnavailableError
from master.store.over_etcd.errors import is_compacted, is_passing, meaning, never_left

EOF: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # not in the stubs
"""What a stream's `read` returns when the other side has ended it."""

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds after which a call that was not answered has failed; longer than etcd takes to elect another leader."""
ATTEMPT = 1.5
"""Seconds for one member to answer a read, where there are others to ask."""
AGAIN = 0.1
"""Seconds between two attempts."""
LEFT_GRACE = 5.0

OPTIONS: list[tuple[str, int]] = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 6000),  # etcd ends connections that ping more often than each 5 s
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.use_local_subchannel_pool", 1),  # a new connection reads the certificates anew
]
LEADER_NEEDED = (("hasleader", "true"),)
"""A member cut off from the others ends our streams instead of keeping silent."""


class CompactedSignal(Exception):
    """etcd says that the revision is compacted, not which one is the oldest."""


@dataclass(frozen=True, slots=True)
class ClientTls:
    """etcd's authority, and our certificate and key."""

    ca: Path
    cert: Path
    key: Path

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca.read_bytes(), self.key.read_bytes(), self.cert.read_bytes())


@dataclass(slots=True, eq=False)
class Connection:
    """A channel to one member; `streams` end when it is left."""

    address: str
    channel: grpc.aio.Channel
    streams: set[grpc.aio.StreamStreamCall[Any, Any]] = field(default_factory=set)
    left: bool = False


def ended_with(connection: Connection) -> bool:
    """Whether a call was cancelled because its connection was left, not because its caller was."""
    task = asyncio.current_task()
    return connection.left and not (task is not None and task.cancelling())


class Members:
    """`addresses` are host:port, the preferred first; without `tls` the way is in the clear, for tests on loopback."""

    def __init__(self, addresses: Sequence[str], tls: ClientTls | None, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._addresses = tuple(addresses)
        self._tls = tls
        self._turn = 0
        self._connection: Connection | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._addresses

    def connection(self) -> Connection:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if self._connection is None:
            self._connection = Connection(self._address, self._dial(self._address))
        return self._connection

    async def read(self, path: str, request: Any, answer: Any) -> Any:
        """A call that changes nothing, or nothing when it is made twice: asked again while there is time."""
        end = asyncio.get_running_loop().time() + self.patience
        while True:
            left = end - asyncio.get_running_loop().time()
            seconds = min(left, ATTEMPT) if len(self._addresses) > 1 else left
            try:
                return await self._call(path, request, answer, seconds)
            except OutcomeUnknownError as error:
                raise StoreUnavailableError(str(error)) from error
            except grpc.aio.AioRpcError as error:
                if is_compacted(error):
                    raise CompactedSignal from error
                if not is_passing(error):
                    raise meaning(error) from error
                if asyncio.get_running_loop().time() + AGAIN >= end:
                    raise StoreUnavailableError(f"etcd does not answer: {error.details()}") from error
            await asyncio.sleep(AGAIN)

    async def write(self, path: str, request: Any, answer: Any) -> Any:
        """A call that is made once: asked again only while it certainly has not left."""
        end = asyncio.get_running_loop().time() + self.patience
        while True:
            left = end - asyncio.get_running_loop().time()
            try:
                return await self._call(path, request, answer, left)
            except grpc.aio.AioRpcError as error:
                if is_compacted(error):
                    raise CompactedSignal from error
                if not never_left(error) or asyncio.get_running_loop().time() + AGAIN >= end:
                    raise meaning(error) from error
            await asyncio.sleep(AGAIN)

    async def call_at(self, address: str, path: str, request: Any, answer: Any, seconds: float) -> Any:
        """A call to this member and no other; grpc's own error."""
        async with self._dial(address) as channel:
            call = channel.unary_unary(path, request_serializer=_bytes, response_deserializer=answer.FromString)
            return await call(request, timeout=seconds)

    def stream(self, connection: Connection, path: str, answer: Any) -> grpc.aio.StreamStreamCall[Any, Any]:
        start: Any = connection.channel.stream_stream(
            path, request_serializer=_bytes, response_deserializer=answer.FromString
        )
        call: grpc.aio.StreamStreamCall[Any, Any] = start(metadata=LEADER_NEEDED)
        connection.streams.add(call)
        return call

    def leave(self, connection: Connection, why: str) -> None:
        """The next member from now on; a connection that was left already changes nothing."""
        if connection.left:
            return
        connection.left = True
        self._connection = None
        self._turn = (self._turn + 1) % len(self._addresses)
        if len(self._addresses) > 1 and not self._closed:
            log.warning("etcd at %s does not answer, going on at %s: %s", connection.address, self._address, why)
        for stream in list(connection.streams):
            stream.cancel()
        closing = asyncio.get_running_loop().create_task(connection.channel.close(LEFT_GRACE))
        self._leaving.add(closing)
        closing.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        connection, self._closed = self._connection, True
        if connection is not None:
            connection.left, self._connection = True, None
            await connection.channel.close(None)
        for closing in self._leaving:
            closing.cancel()
        if self._leaving:
            await asyncio.wait(self._leaving)

    @property
    def _address(self) -> str:
        return self._addresses[self._turn]

    async def _call(self, path: str, request: Any, answer: Any, seconds: float) -> Any:
        connection = self.connection()
        call = connection.channel.unary_unary(path, request_serializer=_bytes, response_deserializer=answer.FromString)
        try:
            return await call(request, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            if is_passing(error):
                self.leave(connection, error.details() or error.code().name)
            raise
        except asyncio.CancelledError:
            if ended_with(connection):
                raise OutcomeUnknownError("the store was closed meanwhile") from None
            raise

    def _dial(self, address: str) -> grpc.aio.Channel:
        if self._tls is None:
            return grpc.aio.insecure_channel(address, options=OPTIONS)
        return grpc.aio.secure_channel(address, self._tls.credentials(), options=OPTIONS)


def _bytes(message: Any) -> bytes:
    serialized: bytes = message.SerializeToString()
    return serialized
