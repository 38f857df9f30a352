"""The services as gRPC knows them, and the server: mutual TLS only, by etcd's own CA."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from master.store.contract import Store
from master.store.etcd_api import rpc_pb2 as pb
from master.store.etcd_api.answers import Member
from master.store.etcd_api.calls import Calls
from master.store.etcd_api.refusals import TRANSLATED, Refusal, refusal
from master.store.etcd_api.watches import WatchStream

BY_CERTIFICATE = "access is by client certificate only"
ALONE = "this store is a cluster of one"

# service → call → the request's message and the method of `Calls` that answers it
CALLS: dict[str, dict[str, tuple[Any, str]]] = {
    "KV": {
        "Range": (pb.RangeRequest, "range"),
        "Put": (pb.PutRequest, "put"),
        "DeleteRange": (pb.DeleteRangeRequest, "delete_range"),
        "Txn": (pb.TxnRequest, "txn"),
        "Compact": (pb.CompactionRequest, "compact"),
    },
    "Lease": {
        "LeaseGrant": (pb.LeaseGrantRequest, "lease_grant"),
        "LeaseRevoke": (pb.LeaseRevokeRequest, "lease_revoke"),
        "LeaseTimeToLive": (pb.LeaseTimeToLiveRequest, "lease_time_to_live"),
        "LeaseLeases": (pb.LeaseLeasesRequest, "lease_leases"),
    },
    "Cluster": {"MemberList": (pb.MemberListRequest, "member_list")},
    "Maintenance": {
        "Alarm": (pb.AlarmRequest, "alarm"),
        "Status": (pb.StatusRequest, "status"),
        "Defragment": (pb.DefragmentRequest, "defragment"),
    },
    "Auth": {"AuthStatus": (pb.AuthStatusRequest, "auth_status"), "Authenticate": (pb.Refused, "authenticate")},
}

AUTH_CALLS = (
    *("AuthEnable", "AuthDisable", "UserAdd", "UserGet", "UserList", "UserDelete", "UserChangePassword"),
    *("UserGrantRole", "UserRevokeRole", "RoleAdd", "RoleGet", "RoleList", "RoleDelete"),
    *("RoleGrantPermission", "RoleRevokePermission"),
)

# service → call → why it is not served
REFUSED: dict[str, dict[str, str]] = {
    "Cluster": dict.fromkeys(("MemberAdd", "MemberRemove", "MemberUpdate", "MemberPromote"), ALONE),
    "Maintenance": {
        "Hash": "the store keeps no hash of its file",
        "HashKV": "the store keeps no hash of its keys",
        "MoveLeader": ALONE,
        "Downgrade": ALONE,
    },
    "Auth": dict.fromkeys(AUTH_CALLS, BY_CERTIFICATE),
}
NO_SNAPSHOT = "the store is not a bolt file; a snapshot of it cannot be taken through this API"


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The server's certificate and key, and the CA whose clients may come in."""

    ca: Path
    cert: Path
    key: Path


class EtcdServer:
    """A running server; `port` is the one it got."""

    def __init__(self, server: grpc.aio.Server, port: int) -> None:
        self._server = server
        self.port = port

    async def close(self, grace: float = 0.5) -> None:
        await self._server.stop(grace)


async def serve(store: Store, bind: str, port: int, tls: TlsFiles, *, name: str = "master") -> EtcdServer:
    """Serves on `bind`:`port` (0: a free one); raises OSError when the port is taken."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 4 << 20)])
    host = f"[{bind}]" if ":" in bind else bind
    credentials = grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.cert.read_bytes())],
        root_certificates=tls.ca.read_bytes(),
        require_client_auth=True,
    )
    try:
        bound = server.add_secure_port(f"{host}:{port}", credentials)
    except RuntimeError as error:
        raise OSError(
            f"etcd's API cannot listen on {host}:{port}: the port is taken or the address not ours"
        ) from error
    member = Member(name, (f"https://{host}:{bound}",))
    server.add_generic_rpc_handlers(tuple(handlers(store, member)))
    await server.start()
    return EtcdServer(server, bound)


def handlers(store: Store, member: Member) -> list[grpc.GenericRpcHandler[Any, Any]]:
    calls = Calls(store, member)
    services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {
        service: {call: _unary(message, getattr(calls, method)) for call, (message, method) in table.items()}
        for service, table in CALLS.items()
    }
    for service, table in REFUSED.items():
        services[service] |= {call: _unary(pb.Refused, _refuse(call, why)) for call, why in table.items()}
    services["Lease"]["LeaseKeepAlive"] = _streams(pb.LeaseKeepAliveRequest, _each(calls.lease_keep_alive))
    services["Watch"] = {"Watch": _streams(pb.WatchRequest, lambda asked: WatchStream(store, member).answers(asked))}
    services["Maintenance"]["Snapshot"] = grpc.unary_stream_rpc_method_handler(_refuse_snapshot)
    return [grpc.method_handlers_generic_handler(f"etcdserverpb.{name}", table) for name, table in services.items()]


def _unary(message: Any, call: Callable[[Any], Awaitable[Any]]) -> grpc.RpcMethodHandler[Any, Any]:
    async def answer(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await call(request)
        except TRANSLATED as error:
            refused = refusal(error)
            return await context.abort(refused.code, refused.text)

    return grpc.unary_unary_rpc_method_handler(
        answer, message.FromString, lambda answered: answered.SerializeToString()
    )


def _streams(message: Any, answers: Callable[[Any], AsyncIterator[Any]]) -> grpc.RpcMethodHandler[Any, Any]:
    async def stream(requests: Any, _: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        async for answer in answers(requests):
            yield answer

    return grpc.stream_stream_rpc_method_handler(
        stream, message.FromString, lambda answered: answered.SerializeToString()
    )


def _each(call: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], AsyncIterator[Any]]:
    async def answers(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for request in requests:
            yield await call(request)

    return answers


def _refuse(call: str, why: str) -> Callable[[Any], Awaitable[Any]]:
    async def refuse(_: Any) -> Any:
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"etcdserver: {call} is not supported: {why}")

    return refuse


async def _refuse_snapshot(_: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[bytes]:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"etcdserver: Snapshot is not supported: {NO_SNAPSHOT}")
    yield b""
