"""The same random requests to a real etcd and to the store: the same answers, errors and events."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.serving import CALLS, EtcdServer, TlsFiles

ETCD = "/usr/bin/etcd"
KEYS = [b"a", b"a/1", b"a/2", b"b", b"b\0", b"c"]
LEASES = [71, 72]
PATHS = {
    message: f"/etcdserverpb.{service}/{call}"
    for service, table in CALLS.items()
    for call, (message, _) in table.items()
}
ANSWERS = {
    pb.RangeRequest: pb.RangeResponse,
    pb.PutRequest: pb.PutResponse,
    pb.DeleteRangeRequest: pb.DeleteRangeResponse,
    pb.TxnRequest: pb.TxnResponse,
    pb.CompactionRequest: pb.CompactionResponse,
    pb.LeaseGrantRequest: pb.LeaseGrantResponse,
    pb.LeaseRevokeRequest: pb.LeaseRevokeResponse,
    pb.LeaseTimeToLiveRequest: pb.LeaseTimeToLiveResponse,
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
async def etcd(tmp_path: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A real one, in the clear on loopback."""
    assert ETCD is not None
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    with (tmp_path / "etcd.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(ETCD, "--data-dir", str(tmp_path / "etcd"), "--initial-cluster", f"default={peer}"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "ETCD_UNSUPPORTED_ARCH": os.uname().machine},
        )
    async with grpc.aio.insecure_channel(client.removeprefix("http://")) as channel:
        await asyncio.wait_for(channel.channel_ready(), 20)
        yield channel
    process.kill()
    await process.wait()


@pytest.fixture
async def ours(server: EtcdServer, tls: TlsFiles) -> AsyncIterator[grpc.aio.Channel]:
    credentials = grpc.ssl_channel_credentials(tls.ca.read_bytes(), tls.key.read_bytes(), tls.cert.read_bytes())
    async with grpc.aio.secure_channel(f"127.0.0.1:{server.port}", credentials) as channel:
        yield channel


keys = st.sampled_from(KEYS)
ends = st.sampled_from([b"", b"", b"\0", *KEYS])
small = st.integers(0, 4)
flags = st.booleans()
leases = st.sampled_from([0, 0, 0, *LEASES])
# Never a missing lease and a missing key at once: etcd names the one or the other, alone or in a txn.
puts = st.one_of(
    st.builds(pb.PutRequest, key=keys, value=st.binary(max_size=2), lease=leases, prev_kv=flags),
    st.builds(pb.PutRequest, key=keys, value=st.sampled_from([b"", b"v"]), ignore_value=flags, ignore_lease=flags),
)
deletes = st.builds(pb.DeleteRangeRequest, key=keys, range_end=ends, prev_kv=flags)
# In a txn with puts etcd misjudges whether a range without an end, or ending before it begins, holds a key that is put.
bounded = deletes.filter(lambda delete: delete.range_end == b"" or delete.range_end > delete.key)
ranges = st.builds(
    pb.RangeRequest,
    key=st.sampled_from([b"", b"\0", *KEYS]),
    range_end=ends,
    limit=small,
    sort_order=st.integers(0, 2),
    sort_target=st.integers(0, 4),
    keys_only=flags,
    count_only=flags,
)
compares = st.one_of(
    *(
        st.builds(
            pb.Compare, key=keys, range_end=ends, result=st.integers(0, 3), target=st.just(target), **{field: kind}
        )
        for target, field, kind in (
            (pb.Compare.VERSION, "version", small),
            (pb.Compare.VALUE, "value", st.binary(max_size=2)),
            (pb.Compare.LEASE, "lease", leases),
            (pb.Compare.CREATE, "create_revision", st.just(0)),
        )
    )
)


def branches(operations: st.SearchStrategy[pb.RequestOp]) -> st.SearchStrategy[pb.TxnRequest]:
    some = st.lists(operations, max_size=3)
    return st.builds(pb.TxnRequest, compare=st.lists(compares, max_size=2), success=some, failure=some)


plain = st.one_of(
    st.builds(pb.RequestOp, request_range=ranges),
    st.builds(pb.RequestOp, request_put=puts),
    st.builds(pb.RequestOp, request_delete_range=bounded),
)
txns = branches(plain | st.builds(pb.RequestOp, request_txn=branches(plain)))
grants = st.builds(pb.LeaseGrantRequest, ID=st.sampled_from(LEASES), TTL=st.just(3600))
revokes = st.builds(pb.LeaseRevokeRequest, ID=st.sampled_from(LEASES))
looks = st.builds(pb.LeaseTimeToLiveRequest, ID=st.sampled_from(LEASES), keys=st.just(True))
compactions = st.builds(pb.CompactionRequest, revision=st.integers(-2, 6))
requests = st.lists(st.one_of(puts, deletes, ranges, txns, txns, grants, revokes, looks, compactions), max_size=12)


async def ask(channel: grpc.aio.Channel, request: Any) -> Any:
    """The answer without the cluster's identity and the clock's effect, or the error's code and text."""
    answer_type = ANSWERS[type(request)]
    call = channel.unary_unary(PATHS[type(request)], type(request).SerializeToString, answer_type.FromString)
    try:
        answer = await call(request, timeout=10)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    revision = answer.header.revision
    answer.ClearField("header")
    if isinstance(answer, pb.TxnResponse):
        without_headers(answer)
    if isinstance(answer, pb.LeaseTimeToLiveResponse):
        answer.TTL = min(answer.TTL, 0)
        answer.keys.sort()
    return revision, str(answer)


def without_headers(answer: pb.TxnResponse) -> None:
    """Of nested answers, whose headers etcd fills in only partly."""
    for response in answer.responses:
        inner = getattr(response, str(response.WhichOneof("response")))
        inner.ClearField("header")
        if isinstance(inner, pb.TxnResponse):
            without_headers(inner)


async def events(channel: grpc.aio.Channel, start: int, end: int) -> list[str]:
    """All events of revisions in [start, end)."""
    wanted = pb.WatchCreateRequest(key=b"\0", range_end=b"\0", start_revision=start, prev_kv=True)
    call = channel.stream_stream(
        "/etcdserverpb.Watch/Watch", pb.WatchRequest.SerializeToString, pb.WatchResponse.FromString
    )()
    await call.write(pb.WatchRequest(create_request=wanted))
    found: list[pb.Event] = []
    while not found or found[-1].kv.mod_revision < end - 1:
        answer = await asyncio.wait_for(call.read(), 10)
        found += answer.events
    call.cancel()
    return [str(event) for event in found]


# Both go on from what the example before has left, so that a smaller example would not be the same one.
@settings(
    max_examples=60,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=requests)
async def test_same_answers(etcd: grpc.aio.Channel, ours: grpc.aio.Channel, steps: list[Any]) -> None:
    emptying = [pb.DeleteRangeRequest(key=b"\0", range_end=b"\0"), pb.PutRequest(key=b"a")]
    for request in (*(pb.LeaseRevokeRequest(ID=lease) for lease in LEASES), *emptying):
        first, _ = expected = await ask(etcd, request)
        assert await ask(ours, request) == expected, request
    revision = first
    for step in steps:
        if isinstance(step, pb.CompactionRequest):
            step = pb.CompactionRequest(revision=max(1, revision - step.revision))
        expected = await ask(etcd, step)
        assert await ask(ours, step) == expected, step
        if isinstance(expected[0], int):
            revision = expected[0]
    state = pb.RangeRequest(key=b"\0", range_end=b"\0")
    assert await ask(ours, state) == await ask(etcd, state)
    if not any(isinstance(step, pb.CompactionRequest) for step in steps):
        assert await events(ours, first, revision + 1) == await events(etcd, first, revision + 1)
