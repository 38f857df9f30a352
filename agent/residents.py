"""The programs that stay: `python -m agent.residents NAME WORD...`, what the commands of the same names become once all is read.

A node has little memory: the command line's libraries take 5 MiB, so a command that found nothing wrong with its words is
replaced by one of these (the process stays the same).  They end in order on SIGTERM and Ctrl-C.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn


def become(name: str, *words: object) -> NoReturn:
    """This process is the resident from here on."""
    argv = (sys.executable, "-m", "agent.residents", name, *map(str, words))
    os.execv(sys.executable, argv)


def until_told(work: Coroutine[Any, Any, None], *, quick: bool = False) -> None:
    """Runs `work` until it ends or a signal cancels it; with uvloop where its speed is worth its memory."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname).1s %(name)s: %(message)s"
    )
    logging.getLogger("aiohttp").setLevel(logging.WARNING)

    async def until_stopped() -> None:
        task = asyncio.ensure_future(work)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            logging.getLogger(__name__).info("stopped")

    if quick:
        import uvloop

        uvloop.run(until_stopped())
    else:
        asyncio.run(until_stopped())


def run(root: str, settings: str) -> None:
    # gRPC's fork handlers are for programs that go on in the child; our children are other programs.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from agent.running import run as run_agent
    from kube.config import read_agent
    from kube.layout import Layout

    until_told(run_agent(Layout(Path(root)), read_agent(Path(settings))), quick=True)


def dns(address: str, domain: str, table: str) -> None:
    from agent.dns.running import run as run_dns

    until_told(run_dns(address, domain, Path(table)))


def announce(root: str, ssh_port: str) -> None:
    from agent.announcing import run as run_announcer

    until_told(run_announcer(Path(root), int(ssh_port)))


RESIDENTS: dict[str, Callable[..., None]] = {"run": run, "dns": dns, "announce": announce}


if __name__ == "__main__":
    RESIDENTS[sys.argv[1]](*sys.argv[2:])
