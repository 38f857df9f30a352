"""Certificates of a master that runs for years and moves: renewed before they end, issued anew when an address comes.

How it works: when an address comes, and each hour, the PKI is brought to what it should be.  What was written
is loaded into the TLS contexts in use, so that new connections get it; open ones keep theirs.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from kube.errors import ApiError
from kube.layout import Layout
from kube.pki import Names, ensure_master_pki

log = logging.getLogger(__name__)

PERIOD = 60.0
TURNS = 60
"""Each so manieth period every certificate is read; in the others only the addresses are compared."""


class Renewal:
    def __init__(
        self,
        layout: Layout,
        names: Callable[[], Names],
        contexts: Mapping[str, ssl.SSLContext],
        changed: Callable[[], Awaitable[None]],
        period: float = PERIOD,
    ) -> None:
        """`names` is asked each time; `contexts`: the certificate's name in the PKI's folder → who serves with it;
        `changed` is awaited after something was written: the address may be another."""
        self._layout = layout
        self._names = names
        self._contexts = contexts
        self._changed = changed
        self._period = period
        self._named = names()

    async def run(self) -> None:
        """Until cancelled; a failure (a full disk) is logged and tried again."""
        for turn in itertools.count(1):
            await asyncio.sleep(self._period)
            try:
                if turn % TURNS == 0 or self._names() != self._named:
                    await self.once()
            except (OSError, ValueError, ApiError) as error:
                log.error("certificates not renewed: %s", error)

    async def once(self) -> list[Path]:
        """What was written."""
        named = self._names()
        written = await asyncio.to_thread(ensure_master_pki, self._layout, named)
        self._named = named
        for name, context in self._contexts.items():
            certificate = self._layout.pki / f"{name}.crt"
            if certificate in written:
                context.load_cert_chain(certificate, certificate.with_suffix(".key"))
                log.info("serving with a new certificate name=%s", name)
        if written:
            await self._changed()
        return written
