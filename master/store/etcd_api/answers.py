"""The store's results as etcd's messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from master.store.contract import (
    DeleteResult,
    Event,
    EventType,
    KeyValue,
    PutResult,
    RangeResult,
    TxnResult,
)
from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.requests import rearranged

RAFT_TERM = 1
EVENT_TYPES = {EventType.PUT: pb.Event.PUT, EventType.DELETE: pb.Event.DELETE}
SORT_KEYS: dict[int, Callable[[KeyValue], Any]] = {
    pb.RangeRequest.KEY: lambda kv: kv.key,
    pb.RangeRequest.VERSION: lambda kv: kv.version,
    pb.RangeRequest.CREATE: lambda kv: kv.create_revision,
    pb.RangeRequest.MOD: lambda kv: kv.mod_revision,
    pb.RangeRequest.VALUE: lambda kv: kv.value,
}


@dataclass(frozen=True, slots=True)
class Member:
    """This master as a member of a cluster of one."""

    name: str
    client_urls: tuple[str, ...]
    member: int = 0x7768657272790001
    cluster: int = 0x7768657272790000

    def header(self, revision: int) -> pb.ResponseHeader:
        return pb.ResponseHeader(cluster_id=self.cluster, member_id=self.member, revision=revision, raft_term=RAFT_TERM)


def kv_answer(kv: KeyValue, bare: bool = False) -> pb.KeyValue:
    return pb.KeyValue(
        key=kv.key,
        value=b"" if bare else kv.value,
        create_revision=kv.create_revision,
        mod_revision=kv.mod_revision,
        version=kv.version,
        lease=kv.lease,
    )


def range_answer(request: pb.RangeRequest, result: RangeResult) -> pb.RangeResponse:
    kvs, more = result.kvs, result.more
    if rearranged(request):
        kvs = rearrange(request, kvs)
        more = 0 < request.limit < len(kvs)
        kvs = kvs[: request.limit] if more else kvs
    answers = [kv_answer(kv, request.keys_only) for kv in kvs]
    return pb.RangeResponse(kvs=answers, more=more, count=result.count)


def rearrange(request: pb.RangeRequest, kvs: Iterable[KeyValue]) -> list[KeyValue]:
    """Filtered by revisions, then sorted; a target without an order sorts ascending."""
    high_mod = request.max_mod_revision or float("inf")
    high_create = request.max_create_revision or float("inf")
    kept = [
        kv
        for kv in kvs
        if request.min_mod_revision <= kv.mod_revision <= high_mod
        and request.min_create_revision <= kv.create_revision <= high_create
    ]
    descending = request.sort_order == pb.RangeRequest.DESCEND
    return sorted(kept, key=SORT_KEYS[request.sort_target], reverse=descending)


def put_answer(result: PutResult) -> pb.PutResponse:
    return pb.PutResponse(prev_kv=kv_answer(result.prev_kv) if result.prev_kv else None)


def delete_answer(result: DeleteResult) -> pb.DeleteRangeResponse:
    return pb.DeleteRangeResponse(deleted=result.deleted, prev_kvs=[kv_answer(kv) for kv in result.prev_kvs])


def txn_answer(request: pb.TxnRequest, result: TxnResult) -> pb.TxnResponse:
    branch = request.success if result.succeeded else request.failure
    answers = [
        _operation_answer(asked, done, result.revision) for asked, done in zip(branch, result.results, strict=True)
    ]
    return pb.TxnResponse(succeeded=result.succeeded, responses=answers)


def _operation_answer(
    asked: pb.RequestOp, done: RangeResult | PutResult | DeleteResult | TxnResult, revision: int
) -> pb.ResponseOp:
    answer = pb.ResponseOp()
    match done:
        case RangeResult():
            answer.response_range.CopyFrom(range_answer(asked.request_range, done))
            answer.response_range.header.revision = revision
        case PutResult():
            answer.response_put.CopyFrom(put_answer(done))
            answer.response_put.header.revision = revision
        case DeleteResult():
            answer.response_delete_range.CopyFrom(delete_answer(done))
            answer.response_delete_range.header.revision = revision
        case TxnResult():
            answer.response_txn.CopyFrom(txn_answer(asked.request_txn, done))
            answer.response_txn.header.revision = revision
    return answer


def event_answer(event: Event, with_previous: bool) -> pb.Event:
    previous = kv_answer(event.prev_kv) if with_previous and event.prev_kv else None
    return pb.Event(type=EVENT_TYPES[event.type], kv=kv_answer(event.kv), prev_kv=previous)
