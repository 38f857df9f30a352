"""The address that a pod had is the one it gets again: after a reboot Services lead to it, also while no master answers.

How it works.  The plugin host-local gives out the first free address after the one it gave out last, which it notes in a
file; a free address is had by noting the one before it.  So pods that had an address start one after the other.  When
somebody else took it, the pod gets another one, as it would without this.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent.network.cni import NETWORK

LAST = "last_reserved_ip.0"


@dataclass
class Addresses:
    """`leases` is host-local's folder."""

    leases: Path
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def offered(self, address: str) -> AsyncIterator[None]:
        """What asks for an address within gets `address`, when it is free; with none to offer, whichever comes."""
        if not address or (self.leases / NETWORK / address).exists():
            yield
            return
        async with self._one_at_a_time:
            folder = self.leases / NETWORK
            folder.mkdir(parents=True, exist_ok=True)
            (folder / LAST).write_text(str(ipaddress.IPv4Address(address) - 1))
            yield
