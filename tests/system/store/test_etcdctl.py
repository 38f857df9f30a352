"""Debian's etcdctl against the store: the commands that people type, and what they see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from master.store.contract import DeleteRange, EventType, Put, Range, Txn
from master.store.etcd_api.serving import EtcdServer, TlsFiles, serve
from master.store.sqlite import SqliteStore

Etcdctl = Callable[..., Awaitable[str]]
StartEtcdctl = Callable[..., Awaitable[asyncio.subprocess.Process]]


async def fill(store: SqliteStore, *keys: bytes) -> None:
    for key in keys:
        await store.txn(Txn((), [Put(key, b"value of " + key)]))


async def test_keys_by_prefix(store: SqliteStore, etcdctl: Etcdctl) -> None:
    await fill(store, b"/registry/pods/a", b"/registry/pods/b", b"/registry/nodes/a")
    assert (await etcdctl("get", "/", "--prefix", "--keys-only")).split() == [
        "/registry/nodes/a",
        "/registry/pods/a",
        "/registry/pods/b",
    ]
    assert (await etcdctl("get", "/", "--prefix", "--keys-only", "--limit=1")).split() == ["/registry/nodes/a"]
    assert (await etcdctl("get", "", "--prefix", "--keys-only")).count("/registry") == 3


async def test_put_get_del(store: SqliteStore, etcdctl: Etcdctl) -> None:
    assert await etcdctl("put", "k", "one") == "OK\n"
    assert await etcdctl("put", "k", "two", "--prev-kv") == "OK\nk\none\n"
    assert await etcdctl("get", "k") == "k\ntwo\n"
    assert await etcdctl("get", "k", "--rev=2") == "k\none\n"
    assert await etcdctl("del", "k", "--prev-kv") == "1\nk\ntwo\n"
    assert await etcdctl("get", "k") == ""
    assert store.revision == 4


SORTED = {
    "by key, descending": (("--order=DESCEND",), ["c", "b", "a"]),
    "by creation": (("--sort-by=CREATE",), ["b", "a", "c"]),
    "by change, newest first": (("--sort-by=MODIFY", "--order=DESCEND", "--limit=2"), ["b", "c"]),
    "by version": (("--sort-by=VERSION", "--order=DESCEND", "--limit=1"), ["b"]),
    "by value": (("--sort-by=VALUE", "--keys-only"), ["a", "b", "c"]),
}


@pytest.mark.parametrize(("flags", "expected"), SORTED.values(), ids=SORTED.keys())
async def test_sorted(store: SqliteStore, etcdctl: Etcdctl, flags: tuple[str, ...], expected: list[str]) -> None:
    await fill(store, b"b", b"a", b"c", b"b")
    answer = json.loads(await etcdctl("get", "a", "z", "-w", "json", *flags))
    assert [kv["key"] for kv in answer["kvs"]] == [{"a": "YQ==", "b": "Yg==", "c": "Yw=="}[key] for key in expected]


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [(await asyncio.wait_for(process.stdout.readline(), 10)).decode().rstrip("\n") for _ in range(count)]


async def test_watch_sees_past_and_present(store: SqliteStore, start_etcdctl: StartEtcdctl) -> None:
    await fill(store, b"/a")
    process = await start_etcdctl("watch", "/", "--prefix", "--rev=1", "--prev-kv")
    assert await lines(process, 3) == ["PUT", "/a", "value of /a"]
    await store.txn(Txn((), [Put(b"/a", b"new"), Put(b"other", b"")]))
    assert await lines(process, 5) == ["PUT", "/a", "value of /a", "/a", "new"]
    await store.txn(Txn((), [DeleteRange(b"/a")]))
    assert await lines(process, 5) == ["DELETE", "/a", "new", "/a", ""]
    process.kill()
    await process.wait()


async def test_progress_of_several_watches(store: SqliteStore, start_etcdctl: StartEtcdctl) -> None:
    await fill(store, b"a", b"b")
    process = await start_etcdctl("watch", "-i")
    assert process.stdin is not None
    process.stdin.write(b"watch --rev=1 a\nwatch --rev=1 b\n")
    assert sorted(await lines(process, 6)) == sorted(["PUT", "a", "value of a", "PUT", "b", "value of b"])
    process.stdin.write(b"progress\n")
    assert await lines(process, 2) == ["progress notify: 3", "progress notify: 3"]
    process.kill()
    await process.wait()


async def test_masters_watch_sees_etcdctls_writes(store: SqliteStore, etcdctl: Etcdctl) -> None:
    watch = await store.watch(b"/", b"0")
    await etcdctl("put", "/registry/configmaps/default/a", "{}")
    _, (event,) = await asyncio.wait_for(anext(aiter(watch)), 10)
    assert (event.type, event.kv.key, event.kv.value) == (EventType.PUT, b"/registry/configmaps/default/a", b"{}")


async def test_txn(store: SqliteStore, etcdctl: Etcdctl) -> None:
    await fill(store, b"a")
    script = 'mod("a") = "2"\nversion("none") = "0"\n\nput b yes\nget a\n\nput b no\n\n'
    assert (await etcdctl("txn", stdin=script)).split() == ["SUCCESS", "OK", "a", "value", "of", "a"]
    assert (await store.range(Range(b"b"))).kvs[0].value == b"yes"
    assert (await etcdctl("txn", stdin='value("a") > "z"\n\nput b other\n\ndel b\n\n')).split() == ["FAILURE", "1"]


async def test_txn_that_puts_twice(etcdctl: Etcdctl) -> None:
    answer = await etcdctl("txn", stdin="\nput b 1\nput b 2\n\n\n")
    assert "etcdserver: duplicate key given in txn request" in answer


async def test_leases(store: SqliteStore, etcdctl: Etcdctl) -> None:
    granted = await etcdctl("lease", "grant", "60")
    lease = granted.split()[1]
    assert granted == f"lease {lease} granted with TTL(60s)\n"
    assert await etcdctl("put", "k", "v", f"--lease={lease}") == "OK\n"
    assert lease in await etcdctl("lease", "list")
    assert "attached keys([k])" in await etcdctl("lease", "timetolive", lease, "--keys")
    assert await etcdctl("lease", "keep-alive", "--once", lease) == f"lease {lease} keepalived with TTL(60)\n"
    assert await etcdctl("lease", "revoke", lease) == f"lease {lease} revoked\n"
    assert await etcdctl("get", "k") == ""
    assert "already expired" in await etcdctl("lease", "timetolive", lease)
    assert "etcdserver: requested lease not found" in await etcdctl("lease", "revoke", lease)
    assert "etcdserver: requested lease not found" in await etcdctl("put", "k", "v", f"--lease={lease}")


async def test_compaction(store: SqliteStore, etcdctl: Etcdctl) -> None:
    await fill(store, b"a", b"a", b"a")
    assert await etcdctl("compact", "3") == "compacted revision 3\n"
    assert "etcdserver: mvcc: required revision has been compacted" in await etcdctl("get", "a", "--rev=2")
    assert "etcdserver: mvcc: required revision has been compacted" in await etcdctl("compact", "3")
    assert "etcdserver: mvcc: required revision is a future revision" in await etcdctl("get", "a", "--rev=9")
    assert "required revision has been compacted" in await etcdctl("watch", "a", "--rev=2")
    assert "Finished defragmenting" in await etcdctl("defrag")


async def test_endpoint_and_members(store: SqliteStore, server: EtcdServer, etcdctl: Etcdctl) -> None:
    await fill(store, b"a")
    assert "is healthy: successfully committed proposal" in await etcdctl("endpoint", "health")
    (endpoint,) = json.loads(await etcdctl("endpoint", "status", "-w", "json"))
    status = endpoint["Status"]
    assert status["leader"] == status["header"]["member_id"]
    assert (status["header"]["revision"], status["version"]) == (2, "3.4.23")
    assert status["dbSize"] > 0
    assert f"started, master, , https://127.0.0.1:{server.port}, false" in await etcdctl("member", "list")
    assert await etcdctl("alarm", "list") == ""


REFUSED = {
    "snapshot": (("snapshot", "save", "FILE"), "Snapshot is not supported"),
    "members": (("member", "add", "other", "--peer-urls=https://127.0.0.1:1"), "MemberAdd is not supported"),
    "users": (("user", "list"), "UserList is not supported: access is by client certificate only"),
    "auth": (("auth", "enable"), "AuthEnable is not supported"),
    "hash": (("endpoint", "hashkv"), "HashKV is not supported"),
}


@pytest.mark.parametrize(("arguments", "expected"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused_by_name(etcdctl: Etcdctl, tmp_path: Path, arguments: tuple[str, ...], expected: str) -> None:
    placed = [str(tmp_path / "snapshot.db") if argument == "FILE" else argument for argument in arguments]
    assert expected in await etcdctl(*placed)


async def test_stranger_does_not_get_in(server: EtcdServer, tls: TlsFiles, tmp_path: Path) -> None:
    channel = grpc.aio.secure_channel(
        f"127.0.0.1:{server.port}", grpc.ssl_channel_credentials(root_certificates=tls.ca.read_bytes())
    )
    async with channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/etcdserverpb.KV/Range")(b"", timeout=10)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_taken_port(store: SqliteStore, server: EtcdServer, tls: TlsFiles) -> None:
    with pytest.raises(OSError, match=f"etcd's API cannot listen on 127.0.0.1:{server.port}"):
        await serve(store, "127.0.0.1", server.port, tls)
