"""etcd's requests, checked as etcd checks them, as the store's operations."""

from __future__ import annotations

from collections.abc import Iterable

from master.store.contract import Compare, DeleteRange, Operation, Put, Range, Target, Txn
from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.refusals import (
    BAD_SORT,
    EMPTY_KEY,
    LEASE_PROVIDED,
    TOO_LARGE,
    TOO_MANY_OPERATIONS,
    VALUE_PROVIDED,
)

MAX_OPERATIONS = 128
MAX_BYTES = 1536 * 1024

OPERATORS = {
    pb.Compare.EQUAL: "=",
    pb.Compare.GREATER: ">",
    pb.Compare.LESS: "<",
    pb.Compare.NOT_EQUAL: "!=",
}
# Which of the union's fields a target compares with; a field that was not sent is 0 or empty, as in etcd.
TARGETS = {
    pb.Compare.VERSION: (Target.VERSION, "version"),
    pb.Compare.CREATE: (Target.CREATE, "create_revision"),
    pb.Compare.MOD: (Target.MOD, "mod_revision"),
    pb.Compare.VALUE: (Target.VALUE, "value"),
    pb.Compare.LEASE: (Target.LEASE, "lease"),
}


def range_of(request: pb.RangeRequest) -> Range:
    """What to ask the store: all that matches, where the answer is sorted or filtered before it is cut."""
    if not request.key:
        raise EMPTY_KEY
    if request.sort_order not in pb.RangeRequest.SortOrder.values():
        raise BAD_SORT
    if request.sort_target not in pb.RangeRequest.SortTarget.values():
        raise BAD_SORT
    return Range(
        request.key,
        request.range_end or None,
        limit=0 if rearranged(request) else max(0, request.limit),
        revision=max(0, request.revision),
        keys_only=request.keys_only and request.sort_target != pb.RangeRequest.VALUE,
        count_only=request.count_only,
    )


def rearranged(request: pb.RangeRequest) -> bool:
    return bool(
        request.sort_order
        or request.sort_target
        or request.min_mod_revision
        or request.max_mod_revision
        or request.min_create_revision
        or request.max_create_revision
    )


def put_of(request: pb.PutRequest) -> Put:
    if not request.key:
        raise EMPTY_KEY
    if request.ignore_value and request.value:
        raise VALUE_PROVIDED
    if request.ignore_lease and request.lease:
        raise LEASE_PROVIDED
    return Put(request.key, request.value, request.lease, request.prev_kv, request.ignore_value, request.ignore_lease)


def delete_of(request: pb.DeleteRangeRequest) -> DeleteRange:
    if not request.key:
        raise EMPTY_KEY
    return DeleteRange(request.key, request.range_end or None, request.prev_kv)


def txn_of(request: pb.TxnRequest) -> Txn:
    if max(len(request.compare), len(request.success), len(request.failure)) > MAX_OPERATIONS:
        raise TOO_MANY_OPERATIONS
    compares = [_compare_of(compare) for compare in request.compare]
    return Txn(compares, _operations_of(request.success), _operations_of(request.failure))


def check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise TOO_LARGE


def _compare_of(compare: pb.Compare) -> Compare:
    if not compare.key:
        raise EMPTY_KEY
    target, field = TARGETS[compare.target]
    operand = getattr(compare, field)
    return Compare(compare.key, target, OPERATORS[compare.result], operand, compare.range_end or None)


def _operations_of(requests: Iterable[pb.RequestOp]) -> list[Operation]:
    return [_operation_of(request) for request in requests]


def _operation_of(request: pb.RequestOp) -> Operation:
    match request.WhichOneof("request"):
        case "request_range":
            return range_of(request.request_range)
        case "request_put":
            return put_of(request.request_put)
        case "request_delete_range":
            return delete_of(request.request_delete_range)
        case "request_txn":
            return txn_of(request.request_txn)
        case _:
            raise EMPTY_KEY
