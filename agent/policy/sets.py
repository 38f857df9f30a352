"""Sets of addresses in the kernel: pure plans in the words of `ipset restore`, and ipset itself in a child process.

Rules name sets, so a set comes before the rules that use it and goes after the last of them has gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

PREFIXES = ("WHERRY-", "I:", "O:")
_IPSET = "/usr/sbin/ipset"
_MOST = 1 << 20
"""Members that a set may have; the kernel's own limit of 65,536 is fewer than a large cluster has pods."""


class SetError(Exception):
    """ipset refused; the text holds its own words."""


@dataclass(frozen=True, slots=True)
class Set:
    """`members` in the form in which ipset prints them: no /32, `address,tcp:80`."""

    type: str
    members: frozenset[str]


Sets = Mapping[str, Set]


class SetKernel(Protocol):
    async def save(self) -> dict[str, Set]: ...
    async def restore(self, text: str) -> None: ...


def plan(have: Sets, want: Sets) -> str:
    """Makes what is missing and brings members up to date; the new come in before the old go out."""
    lines = []
    for name, wanted in sorted(want.items()):
        present = have[name].members if name in have else frozenset()
        if name not in have:
            lines.append(f"create {name} {wanted.type} family inet maxelem {_MOST}")
        lines += [f"add {name} {member}" for member in sorted(wanted.members - present)]
        lines += [f"del {name} {member}" for member in sorted(present - wanted.members)]
    return _text(lines)


def plan_removal(have: Sets, want: Sets) -> str:
    """Takes the sets away that nothing names any more."""
    return _text([f"destroy {name}" for name in sorted(set(have) - set(want))])


def _text(lines: list[str]) -> str:
    return "\n".join([*lines, ""]) if lines else ""


def parse_save(text: str) -> dict[str, Set]:
    """Our sets of what `ipset save` prints."""
    types: dict[str, str] = {}
    members: dict[str, set[str]] = {}
    for line in text.splitlines():
        verb, name, what, *_ = line.split(" ")
        if not name.startswith(PREFIXES):
            continue
        if verb == "create":
            types[name] = what
        else:
            members.setdefault(name, set()).add(what)
    return {name: Set(type_, frozenset(members.get(name, ()))) for name, type_ in types.items()}


class Ipset:
    """The sets of this network namespace."""

    async def save(self) -> dict[str, Set]:
        return parse_save(await self._run("save"))

    async def restore(self, text: str) -> None:
        if text:
            await self._run("restore", "-exist", text=text)

    async def clear(self) -> None:
        """Takes all of ours away; nothing to do where ipset is not."""
        try:
            have = await self.save()
        except (SetError, FileNotFoundError):
            return
        await self.restore(plan_removal(have, {}))

    async def _run(self, *words: str, text: str = "") -> str:
        child = await asyncio.create_subprocess_exec(
            _IPSET,
            *words,
            stdin=asyncio.subprocess.PIPE if text else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await child.communicate(text.encode() or None)
        if child.returncode:
            raise SetError(f"ipset {words[0]}: {errors.decode(errors='replace').strip()}")
        return output.decode()
