"""The contract's words as etcd's messages, and etcd's answers as the contract's results."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from master.store.contract import (
    Compare,
    DeleteRange,
    DeleteResult,
    Event,
    EventType,
    KeyValue,
    Operation,
    Put,
    PutResult,
    Range,
    RangeResult,
    Txn,
    TxnResult,
)
from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.requests import OPERATORS, TARGETS

RESULTS = {op: result for result, op in OPERATORS.items()}
FIELDS = {target: (number, field) for number, (target, field) in TARGETS.items()}
TYPES = {pb.Event.PUT: EventType.PUT, pb.Event.DELETE: EventType.DELETE}


def range_request(query: Range) -> pb.RangeRequest:
    return pb.RangeRequest(
        key=query.key,
        range_end=query.end or b"",
        limit=query.limit,
        revision=query.revision,
        keys_only=query.keys_only,
        count_only=query.count_only,
    )


def range_result(answer: pb.RangeResponse, revision: int) -> RangeResult:
    return RangeResult([key_value(kv) for kv in answer.kvs], answer.more, answer.count, revision)


def txn_request(txn: Txn) -> pb.TxnRequest:
    return pb.TxnRequest(
        compare=[_compare(compare) for compare in txn.compares],
        success=[_operation(operation) for operation in txn.then],
        failure=[_operation(operation) for operation in txn.orelse],
    )


def txn_result(answer: pb.TxnResponse, revision: int) -> TxnResult:
    """`revision` is that of the outermost answer: etcd fills in the inner ones only partly."""
    return TxnResult(answer.succeeded, revision, [_result(response, revision) for response in answer.responses])


def key_value(kv: pb.KeyValue) -> KeyValue:
    return KeyValue(kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, kv.lease)


def entries(answer: pb.WatchResponse) -> Iterator[tuple[int, list[Event]]]:
    """An answer's events by their revisions, in order."""
    for revision, found in groupby(answer.events, key=lambda event: event.kv.mod_revision):
        yield revision, [_event(event) for event in found]


def _event(event: pb.Event) -> Event:
    previous = key_value(event.prev_kv) if event.HasField("prev_kv") else None
    return Event(TYPES[event.type], key_value(event.kv), previous)


def _compare(compare: Compare) -> pb.Compare:
    target, field = FIELDS[compare.target]
    message = pb.Compare(key=compare.key, range_end=compare.end or b"", result=RESULTS[compare.op], target=target)
    setattr(message, field, compare.operand)
    return message


def _operation(operation: Operation) -> pb.RequestOp:
    match operation:
        case Put():
            return pb.RequestOp(request_put=_put(operation))
        case DeleteRange(key, end, prev_kv):
            return pb.RequestOp(
                request_delete_range=pb.DeleteRangeRequest(key=key, range_end=end or b"", prev_kv=prev_kv)
            )
        case Range():
            return pb.RequestOp(request_range=range_request(operation))
        case Txn():
            return pb.RequestOp(request_txn=txn_request(operation))


def _put(put: Put) -> pb.PutRequest:
    """A kept value or lease must not be sent along."""
    return pb.PutRequest(
        key=put.key,
        value=b"" if put.ignore_value else put.value,
        lease=0 if put.ignore_lease else put.lease,
        prev_kv=put.prev_kv,
        ignore_value=put.ignore_value,
        ignore_lease=put.ignore_lease,
    )


def _result(response: pb.ResponseOp, revision: int) -> RangeResult | PutResult | DeleteResult | TxnResult:
    match response.WhichOneof("response"):
        case "response_range":
            return range_result(response.response_range, revision)
        case "response_put":
            put = response.response_put
            return PutResult(key_value(put.prev_kv) if put.HasField("prev_kv") else None)
        case "response_delete_range":
            deleted = response.response_delete_range
            return DeleteResult(deleted.deleted, [key_value(kv) for kv in deleted.prev_kvs])
        case _:
            return txn_result(response.response_txn, revision)
