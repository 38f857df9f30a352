"""A container's last words: its termination message file, or the end of its log where the spec asks for that."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST_MESSAGE = 4096
LONGEST_LOG = 2048
MOST_LINES = 80


def termination_message(container: Mapping[str, Any], exit_code: int, file: Path, log: Path) -> str:
    text = _tail(file, LONGEST_MESSAGE)
    falls_back = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if text or exit_code == 0 or not falls_back:
        return text.decode(errors="replace")
    return log_tail(_tail(log, 4 * LONGEST_LOG))


def log_tail(raw: bytes) -> str:
    """The last lines of a log in CRI's format, without what the format adds.  Pure."""
    lines = []
    for line in raw.split(b"\n"):
        words = line.split(b" ", 3)
        if len(words) == 4 and words[1] in {b"stdout", b"stderr"}:
            lines.append(words[3] + (b"\n" if words[2] == b"F" else b""))
    return b"".join(lines[-MOST_LINES:])[-LONGEST_LOG:].decode(errors="replace")


def _tail(file: Path, most: int) -> bytes:
    """The last bytes of a file that a container may have removed."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - most))
            return opened.read(most)
    except FileNotFoundError:
        return b""
