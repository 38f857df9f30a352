"""The kernel's tables through iptables-restore and iptables-save, each in a child process.

`Kernel` is the seam: the proxy's loop knows only save() and restore().  Programs lie in /usr/sbin, which is not in every PATH.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

_DIRECTORIES = "/usr/sbin:/sbin:/usr/bin:/bin"
_LOCK_SECONDS = "5"


class Backend(StrEnum):
    NFT = "nft"
    LEGACY = "legacy"


class KernelError(Exception):
    """iptables refused; the text holds its own words and, for a restore, the line it names."""


class Kernel(Protocol):
    async def save(self, tables: tuple[str, ...]) -> str: ...
    async def restore(self, text: str, *, test: bool = False) -> None: ...


@dataclass(frozen=True, slots=True)
class Iptables:
    """IPv4 tables of this network namespace through one backend."""

    backend: Backend = Backend.NFT

    async def save(self, tables: tuple[str, ...], *, counted: bool = False) -> str:
        """These tables, as `iptables-save` prints them; `counted` with the packets and bytes that each rule has met."""
        more = ("-c",) if counted else ()
        return "".join([await self._run(("save", "-t", table, *more)) for table in tables])

    async def restore(self, text: str, *, test: bool = False) -> None:
        """One transaction a table, chains that the text does not name left alone.  KernelError names the line refused.

        `test` has the text read and built, and nothing changed.
        """
        await self._run(("restore", "--noflush", "-w", _LOCK_SECONDS, *(["--test"] if test else [])), text)

    async def _run(self, words: tuple[str, ...], text: str = "") -> str:
        program, *arguments = words
        child = await asyncio.create_subprocess_exec(
            f"iptables-{self.backend}-{program}",
            *arguments,
            stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": _DIRECTORIES, "LC_ALL": "C"},
        )
        output, errors = await child.communicate(text.encode() or None)
        if child.returncode:
            raise KernelError(f"iptables-{program} ({self.backend}): {_explain(errors.decode(errors='replace'), text)}")
        return output.decode()


def _explain(errors: str, text: str) -> str:
    """The last words of iptables-restore, with the text of the line number that they name."""
    words = errors.strip().splitlines()
    number = next(
        (w.rstrip(":.") for line in words if "line" in line for w in line.split() if w.rstrip(":.").isdigit()), ""
    )
    lines = text.splitlines()
    named = f" [{lines[int(number) - 1]}]" if number and int(number) <= len(lines) else ""
    return "; ".join(words[-3:]) + named


LEGACY_TABLES = Path("/proc/net/ip_tables_names")
"""Names the tables that legacy iptables has in this namespace.  Asking iptables-legacy would make them."""


def legacy_in_use() -> bool:
    return LEGACY_TABLES.exists() and bool(LEGACY_TABLES.read_text().strip())


async def detect() -> Backend:
    """The backend in use on this machine: legacy only where its tables already hold rules and nft's do not."""
    if await _rules(Backend.NFT):
        return Backend.NFT
    return Backend.LEGACY if legacy_in_use() and await _rules(Backend.LEGACY) else Backend.NFT


async def rules_elsewhere(own: Backend) -> int:
    """How many rules another tool has written through the other backend: both are asked of every packet, in no fixed order."""
    if own is Backend.LEGACY:
        return await _rules(Backend.NFT)
    return await _rules(Backend.LEGACY) if legacy_in_use() else 0


async def _rules(backend: Backend) -> int:
    """How many rules there are through this backend; 0 also where its program is missing."""
    try:
        saved = await Iptables(backend).save(("filter", "nat"))
    except (KernelError, FileNotFoundError):
        return 0
    return sum(line.startswith("-A ") for line in saved.splitlines())
