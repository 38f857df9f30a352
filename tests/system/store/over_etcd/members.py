"""Real etcd processes on loopback, in the clear: one alone, or several as one cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ETCD = "/usr/bin/etcd"
QUICK = ("--heartbeat-interval", "10", "--election-timeout", "50")
"""For one alone, which always elects itself."""
FLAGS = ("--max-txn-ops", "2000", "--experimental-watch-progress-notify-interval", "100ms")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]


@dataclass
class Member:
    name: str
    client: int
    peer: int
    folder: Path
    cluster: str = ""
    process: subprocess.Popen[bytes] | None = None
    flags: Sequence[str] = FLAGS

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.client}"

    @property
    def running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def start(self) -> None:
        client, peer = f"http://127.0.0.1:{self.client}", f"http://127.0.0.1:{self.peer}"
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                (
                    *(ETCD, "--name", self.name, "--data-dir", str(self.folder / self.name)),
                    *("--listen-client-urls", client, "--advertise-client-urls", client),
                    *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                    *("--initial-cluster", self.cluster or f"{self.name}={peer}", *self.flags),
                ),
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "ETCD_UNSUPPORTED_ARCH": os.uname().machine},
            )

    def kill(self) -> None:
        """As a power cut does; nothing where it does not run."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        self.running.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.running.send_signal(signal.SIGCONT)

    async def listening(self) -> None:
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.client)
                    writer.close()
                    await writer.wait_closed()
                    return
                assert self.running.poll() is None, (self.folder / f"{self.name}.log").read_text()[-2000:]
                await asyncio.sleep(0.01)


def cluster_of(count: int, folder: Path) -> list[Member]:
    ports = free_ports(2 * count)
    members = [Member(f"m{row}", ports[row], ports[count + row], folder) for row in range(count)]
    cluster = ",".join(f"{member.name}=http://127.0.0.1:{member.peer}" for member in members)
    for member in members:
        member.cluster = cluster
        member.flags = FLAGS if count > 1 else (*FLAGS, *QUICK)
    return members


@contextlib.asynccontextmanager
async def running(count: int, folder: Path) -> AsyncIterator[list[Member]]:
    """So many members that know each other; each listens, and there may be no leader yet."""
    members = cluster_of(count, folder)
    try:
        for member in members:
            member.start()
        for member in members:
            await member.listening()
        yield members
    finally:
        for member in members:
            member.kill()
