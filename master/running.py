"""The roles of one process: the API first, then what talks to it over HTTP like everybody else.

Contract: `run_roles` returns when it is cancelled, and raises when a role fails: the process ends and is started again
from outside, so that no half of a master goes on.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kube.client import Client
from kube.config import MasterConfig
from kube.errors import ApiError
from kube.layout import Layout
from kube.leading import Candidate, lead

log = logging.getLogger(__name__)

POLL = 0.2
"""Seconds between looks for an API of another process that is still starting."""


@dataclass(frozen=True, slots=True)
class Role:
    """A client of the API: where it lies (`module:function`), the kubeconfig it acts with, the Lease of who does it."""

    target: str
    kubeconfig: str
    lease: str

    def load(self) -> Callable[[Client, MasterConfig, Layout], Awaitable[None]]:
        module, _, function = self.target.partition(":")
        found: Callable[[Client, MasterConfig, Layout], Awaitable[None]]
        found = getattr(importlib.import_module(module), function)
        return found


CLIENTS = {
    "scheduler": Role("master.scheduler.running:run", "scheduler.conf", "kube-scheduler"),
    "controllers": Role("master.controllers.running:run", "controller-manager.conf", "kube-controller-manager"),
}
ROLES = ("api", *CLIENTS)


def collect_rarely() -> None:
    """Let the garbage collector look at what requests leave behind, not at the whole cache again and again.

    Nothing on a request's way makes cycles that matter; what is loaded at the start stays and is left out for good.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 1000)


async def run_roles(layout: Layout, config: MasterConfig, roles: Sequence[str]) -> None:
    api = None
    if "api" in roles:
        from master.api.running import open_api

        api = await open_api(layout, config)
        collect_rarely()
    async with asyncio.TaskGroup() as group:
        if api is not None:
            group.create_task(api.run(), name="api")
        for name, role in CLIENTS.items():
            if name in roles:
                group.create_task(_run_client(name, role, layout, config), name=name)


async def _run_client(name: str, role: Role, layout: Layout, config: MasterConfig) -> None:
    run = role.load()
    async with Client.from_kubeconfig(layout.kubernetes / role.kubeconfig, user_agent=f"wherry-{name}") as client:
        await _await_api(client)
        log.info("role started role=%s", name)
        candidate = Candidate(client, role.lease, f"{socket.gethostname()}_{config.api.port}")
        await lead(candidate, lambda: run(client, config, layout))


async def _await_api(client: Client) -> None:
    while True:
        try:
            await client.raw("GET", "/readyz")
            return
        except (OSError, TimeoutError, ApiError) as error:
            log.debug("the API is not ready yet: %s", error)
            await asyncio.sleep(POLL)
