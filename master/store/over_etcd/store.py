"""The contract over etcd: each call one call of etcd's, `revision` the newest that was heard of."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import grpc.aio

from master.store.contract import (
    CompactedError,
    LeaseInfo,
    LeaseNotFoundError,
    Range,
    RangeResult,
    StoreStatus,
    StoreUnavailableError,
    Txn,
    TxnResult,
)
from master.store.etcd_api import rpc_pb2 as pb
from master.store.over_etcd.compacting import INTERVAL, Compacting
from master.store.over_etcd.errors import meaning
from master.store.over_etcd.members import EOF, CompactedSignal, Members
from master.store.over_etcd.messages import range_request, range_result, txn_request, txn_result
from master.store.over_etcd.watches import EtcdWatch

KV = "/etcdserverpb.KV/"
LEASE = "/etcdserverpb.Lease/"
MAINTENANCE = "/etcdserverpb.Maintenance/"
ANY = pb.RangeRequest(key=b"\0", count_only=True)
"""What costs etcd least to read: it answers with its revision."""
DEFRAGMENT_SECONDS = 60.0


class EtcdStore:
    """Implements `contract.Store` over `members`; made by `open`."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._revision = 0
        self._compact_revision = 0
        self._asking: asyncio.Task[int] | None = None
        self._turn = asyncio.Lock()
        self._watches: weakref.WeakSet[EtcdWatch] = weakref.WeakSet()
        self._compacting: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, members: Members, compaction: float = INTERVAL) -> EtcdStore:
        """StoreUnavailableError when no member answers; `members` is closed with the store, and then too."""
        store = cls(members)
        try:
            await store.latest()
            with suppress(CompactedError):
                await store.range(Range(b"\0", revision=1, count_only=True))
        except BaseException:
            await members.close()
            raise
        rounds = Compacting(store, compaction)
        store._compacting = asyncio.get_running_loop().create_task(rounds.run(), name="etcd compaction")
        return store

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def compact_revision(self) -> int:
        return self._compact_revision

    async def latest(self) -> int:
        """Those who ask while an answer is under way share the next one: it may be older than their question."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_latest(), name="etcd's revision")
        return await asyncio.shield(self._asking)

    async def range(self, query: Range) -> RangeResult:
        answer = await self._read(KV + "Range", range_request(query), pb.RangeResponse)
        return range_result(answer, answer.header.revision)

    async def txn(self, txn: Txn) -> TxnResult:
        answer = await self._write(KV + "Txn", txn_request(txn), pb.TxnResponse)
        return txn_result(answer, answer.header.revision)

    async def watch(
        self, key: bytes, end: bytes | None = None, from_revision: int = 0, *, queue: int = 1000
    ) -> EtcdWatch:
        """`queue` bounds nothing here: what waits to be read waits in etcd."""
        self._check_open()
        if 0 < from_revision < self._compact_revision:
            raise CompactedError(self._compact_revision)
        watch = EtcdWatch(self._members, key, end, from_revision, self._saw, self._saw_compaction)
        self._watches.add(watch)
        await watch.open()
        return watch

    async def compact(self, revision: int) -> None:
        await self._write(KV + "Compact", pb.CompactionRequest(revision=revision), pb.CompactionResponse)
        self._saw_compaction(revision)

    async def lease_grant(self, ttl: int, lease: int = 0) -> int:
        answer = await self._write(LEASE + "LeaseGrant", pb.LeaseGrantRequest(TTL=ttl, ID=lease), pb.LeaseGrantResponse)
        return int(answer.ID)

    async def lease_revoke(self, lease: int) -> None:
        await self._write(LEASE + "LeaseRevoke", pb.LeaseRevokeRequest(ID=lease), pb.LeaseRevokeResponse)

    async def lease_keepalive(self, lease: int) -> int:
        """etcd has a stream for it; one question over it is one call."""
        self._check_open()
        connection = self._members.connection()
        stream = self._members.stream(connection, LEASE + "LeaseKeepAlive", pb.LeaseKeepAliveResponse)
        try:
            async with asyncio.timeout(self._members.patience):
                await stream.write(pb.LeaseKeepAliveRequest(ID=lease))
                answer: Any = await stream.read()
        except TimeoutError as error:
            raise StoreUnavailableError("etcd does not answer") from error
        except grpc.aio.AioRpcError as error:
            raise meaning(error) from error
        finally:
            connection.streams.discard(stream)
            stream.cancel()
        if answer is EOF or answer.TTL <= 0:
            raise LeaseNotFoundError(f"lease {lease:x} does not exist or has expired")
        return int(answer.TTL)

    async def lease_info(self, lease: int) -> LeaseInfo:
        request = pb.LeaseTimeToLiveRequest(ID=lease, keys=True)
        answer = await self._read(LEASE + "LeaseTimeToLive", request, pb.LeaseTimeToLiveResponse)
        if answer.TTL < 0:
            raise LeaseNotFoundError(f"lease {lease:x} does not exist or has expired")
        return LeaseInfo(lease, answer.grantedTTL, answer.TTL, sorted(answer.keys))

    async def leases(self) -> list[int]:
        answer = await self._read(LEASE + "LeaseLeases", pb.LeaseLeasesRequest(), pb.LeaseLeasesResponse)
        return sorted(lease.ID for lease in answer.leases)

    async def status(self) -> StoreStatus:
        answer = await self._read(MAINTENANCE + "Status", pb.StatusRequest(), pb.StatusResponse)
        return StoreStatus(answer.dbSize, answer.dbSizeInUse)

    async def defragment(self) -> None:
        """Of each member, one after the other: a member answers nothing meanwhile."""
        self._check_open()
        for address in self._members.addresses:
            try:
                await self._members.call_at(
                    address,
                    MAINTENANCE + "Defragment",
                    pb.DefragmentRequest(),
                    pb.DefragmentResponse,
                    DEFRAGMENT_SECONDS,
                )
            except grpc.aio.AioRpcError as error:
                raise StoreUnavailableError(f"etcd at {address}: {error.details()}") from error

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        tasks = [task for task in (self._compacting, self._asking) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for watch in list(self._watches):
            watch.end(StoreUnavailableError("the store is closed"))
        await self._members.close()

    async def _read(self, path: str, request: Any, kind: Any) -> Any:
        return await self._told(self._members.read, path, request, kind)

    async def _write(self, path: str, request: Any, kind: Any) -> Any:
        return await self._told(self._members.write, path, request, kind)

    async def _told(self, ask: Callable[[str, Any, Any], Awaitable[Any]], *call: Any) -> Any:
        self._check_open()
        try:
            answer = await ask(*call)
        except CompactedSignal as signal:
            await self._learn_compaction()
            raise CompactedError(self._compact_revision) from signal
        self._saw(answer.header.revision)
        return answer

    async def _ask_latest(self) -> int:
        async with self._turn:
            self._asking = None  # who comes from here on waits for the next answer
            return int((await self._read(KV + "Range", ANY, pb.RangeResponse)).header.revision)

    async def _learn_compaction(self) -> None:
        """etcd tells its oldest revision only to a watch that asks for an older one."""
        watch = EtcdWatch(self._members, b"\0", None, 1, self._saw, self._saw_compaction)
        try:
            async with asyncio.timeout(self._members.patience):
                await anext(watch)
        except CompactedError:
            return
        except TimeoutError as error:
            raise StoreUnavailableError("etcd does not say which revisions it has compacted") from error
        finally:
            await watch.close()

    def _saw(self, revision: int) -> None:
        self._revision = max(self._revision, revision)

    def _saw_compaction(self, revision: int) -> None:
        self._compact_revision = max(self._compact_revision, revision)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
