"""`kubectl logs`: a container's log file in CRI's format, cut, followed and told.

A line is `TIME stdout|stderr F|P TEXT`; P marks a part of a line that goes on in the next.  Source: CRI's logging design.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from kube import times

BLOCK = 64 << 10
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`tail` None is all; `since` a time as CRI writes it (they compare as text) or empty; `limit` bytes, None is all."""

    follow: bool = False
    tail: int | None = None
    since: str = ""
    timestamps: bool = False
    limit: int | None = None
    stream: str = ""
    previous: bool = False


def parse_options(query: Mapping[str, str], now: datetime) -> LogOptions:
    """The query of PodLogOptions.  ValueError names the parameter and what it must be."""
    if query.get("sinceSeconds") and query.get("sinceTime"):
        raise ValueError("at most one of sinceTime or sinceSeconds may be specified")
    stream = query.get("stream", "")
    if stream not in ("", "All", "Stdout", "Stderr"):
        raise ValueError('stream: must be "All", "Stdout" or "Stderr"')
    return LogOptions(
        follow=_flag(query, "follow"),
        tail=_whole(query, "tailLines", 0),
        since=_since(query, now),
        timestamps=_flag(query, "timestamps"),
        limit=_whole(query, "limitBytes", 1),
        stream="" if stream == "All" else stream.lower(),
        previous=_flag(query, "previous"),
    )


def _flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "")
    if text.lower() not in ("", "0", "1", "false", "true", "f", "t"):
        raise ValueError(f"{name}: must be true or false")
    return text.lower() in ("1", "true", "t")


def _whole(query: Mapping[str, str], name: str, least: int) -> int | None:
    text = query.get(name, "")
    if not text:
        return None
    if not text.lstrip("-").isdigit() or int(text) < least:
        raise ValueError(f"{name}: must be a whole number of at least {least}")
    return int(text)


def _since(query: Mapping[str, str], now: datetime) -> str:
    seconds = _whole(query, "sinceSeconds", 1)
    if seconds is not None:
        return _comparable(now - timedelta(seconds=seconds))
    return _comparable(times.parse(query["sinceTime"])) if query.get("sinceTime") else ""


def _comparable(moment: datetime) -> str:
    """As CRI writes times, so that texts compare as times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def tail_offset(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` whole lines begin; parts of a line (P) belong to the line that they end in."""
    size = file.seek(0, os.SEEK_END)
    position, rest, ends = size, b"", 0
    while position > 0:
        step = min(BLOCK, position)
        position -= step
        file.seek(position)
        rest = file.read(step) + rest
        pieces = rest.split(b"\n")
        at = position + len(rest)
        for index in range(len(pieces) - 1, 0, -1):
            at -= len(pieces[index])
            ends += _ends_a_line(pieces[index])
            if ends > lines:
                return at + len(pieces[index]) + 1
            at -= 1
        rest = pieces[0]
    return 0 if ends + _ends_a_line(rest) <= lines else len(rest) + 1


def _ends_a_line(raw: bytes) -> bool:
    parts = raw.split(b" ", 3)
    return len(parts) == 4 and parts[2].startswith(b"F")


def render(raw: bytes, options: LogOptions) -> bytes | None:
    """What the client sees of one line of the file, None when the options leave it out."""
    parts = raw.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 4:
        return None
    when, stream, tag, text = parts
    if options.stream and stream.decode("ascii", "replace") != options.stream:
        return None
    if options.since and when.decode("ascii", "replace") < options.since:
        return None
    shown = text if tag.startswith(b"P") else text + b"\n"
    return when + b" " + shown if options.timestamps else shown


async def read_log(path: Path, options: LogOptions, running: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """The log as the options want it, in blocks; following ends when the container has, and goes on across rotation."""
    left = options.limit
    async with aclosing(_blocks(path, options, running)) as blocks:
        async for block in blocks:
            if left is None:
                yield block
                continue
            yield block[:left]
            left -= len(block)
            if left <= 0:
                return


async def _blocks(path: Path, options: LogOptions, running: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    file = path.open("rb")
    try:
        file.seek(0 if options.tail is None else _start(file, options.tail))
        rest, turned = b"", False
        while True:
            alive = running()
            data = file.read(BLOCK)
            *lines, rest = (rest + data).split(b"\n")
            shown = b"".join(filter(None, (render(line, options) for line in lines)))
            if shown:
                yield shown
            if data:
                continue
            if _rotated(path, file) and not turned:
                turned = True  # the runtime may still write its last words to the old one
                await asyncio.sleep(POLL_SECONDS)
            elif turned:
                following = _successor(path, file).open("rb")
                file.close()
                file, turned = following, False
            elif options.follow and alive:
                await asyncio.sleep(POLL_SECONDS)
            else:
                return
    finally:
        file.close()


def _start(file: BinaryIO, lines: int) -> int:
    return file.seek(0, os.SEEK_END) if lines == 0 else tail_offset(file, lines)


def _successor(path: Path, file: BinaryIO) -> Path:
    """The file that goes on where `file` was put aside: a flood may have put more than one aside meanwhile."""
    files = [*sorted(path.parent.glob(f"{path.name}.*")), path]
    inodes = [one.stat().st_ino if one.exists() else 0 for one in files]
    own = os.fstat(file.fileno()).st_ino
    return files[inodes.index(own) + 1] if own in inodes[:-1] else files[0]


def _rotated(path: Path, file: BinaryIO) -> bool:
    try:
        return path.stat().st_ino != os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
