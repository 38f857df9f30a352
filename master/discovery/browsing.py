"""Listening for boards: mDNS answers of `_wherry._tcp` as `Seen`, each with the addresses that it was heard from."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from kube.announcements import SERVICE, Announcement, from_txt

ASK_MILLISECONDS = 2000


@dataclass(frozen=True, slots=True)
class Seen:
    """A board's claim and where it came from."""

    said: Announcement
    addresses: tuple[str, ...]


@dataclass
class Browser:
    """`boards` is the present; `changes` gets a name whenever what is known of it changed."""

    boards: dict[str, Seen] = field(default_factory=dict)
    changes: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(1000))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def heard(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """zeroconf's callback, on the loop."""
        if state_change is ServiceStateChange.Removed:
            if self.boards.pop(name, None) and not self.changes.full():
                self.changes.put_nowait(name)
            return
        task = asyncio.create_task(self._ask(zeroconf, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, zeroconf: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(SERVICE, name)
        if not await info.async_request(zeroconf, ASK_MILLISECONDS):
            return
        seen = Seen(
            from_txt(name.removesuffix(f".{SERVICE}"), info.properties), usable(info.parsed_addresses(IPVersion.V4Only))
        )
        if self.boards.get(name) != seen:
            self.boards[name] = seen
            if not self.changes.full():
                self.changes.put_nowait(name)

    async def settle(self, seconds: float) -> list[Seen]:
        """What was heard within `seconds`, sorted by name."""
        await asyncio.sleep(seconds)
        return sorted(self.boards.values(), key=lambda seen: seen.said.name)


def usable(addresses: list[str]) -> tuple[str, ...]:
    """What a board may be reached at: no loopback, multicast or unspecified address that a claim may hold."""
    found = (ipaddress.ip_address(address) for address in addresses)
    return tuple(str(a) for a in found if not (a.is_loopback or a.is_multicast or a.is_unspecified))


@asynccontextmanager
async def browse(interfaces: list[str] | None = None) -> AsyncIterator[Browser]:
    """A running browser; `interfaces` are the master's own addresses to listen at, all of them when None."""
    zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=IPVersion.V4Only) if interfaces else AsyncZeroconf()
    browser = Browser()
    listener = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE, handlers=[browser.heard])
    try:
        yield browser
    finally:
        await listener.async_cancel()
        await zeroconf.async_close()
