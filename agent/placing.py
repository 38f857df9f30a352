"""The runtime as pods use it on a node with addresses to keep: a sandbox is offered the address that its pod had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.network.addresses import Addresses
from agent.runtime.client import Containerd
from agent.runtime.words import Namespace, SandboxConfig


class Placing(Containerd):
    """`known` tells the address that a pod had, by namespace and name; empty where it had none."""

    def __init__(self, socket: Path | str, leases: Path) -> None:
        super().__init__(socket)
        self.known: Callable[[str, str], str] = lambda _namespace, _name: ""
        self._addresses = Addresses(leases)

    async def run_sandbox(self, config: SandboxConfig) -> str:
        own = config.namespaces.network is not Namespace.NODE
        async with self._addresses.offered(self.known(config.namespace, config.name) if own else ""):
            return await super().run_sandbox(config)
