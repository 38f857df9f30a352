"""What a board says of itself by mDNS: the fields of its TXT record, written and read.

Everything read is a stranger's claim: hostile text, cut and cleaned here, proven by a key elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

SERVICE = "_wherry._tcp.local."
MAX_TEXT = 80
STATES = ("bare", "joined")


@dataclass(frozen=True, slots=True)
class Announcement:
    """`memory` in MiB; `key` the SSH host key's fingerprint; `cluster` the id of the cluster it belongs to, if any."""

    name: str
    id: str
    model: str
    architecture: str
    memory: int
    ssh_port: int
    key: str
    state: str = "bare"
    cluster: str = ""


def to_txt(announcement: Announcement) -> dict[str, str]:
    """The TXT record's pairs, RFC 6763; each well below its 255 bytes."""
    return {
        "v": "1",
        "id": announcement.id,
        "model": announcement.model[:MAX_TEXT],
        "arch": announcement.architecture,
        "mem": str(announcement.memory),
        "ssh": str(announcement.ssh_port),
        "key": announcement.key,
        "state": announcement.state,
        "cluster": announcement.cluster,
    }


def from_txt(name: str, pairs: Mapping[bytes, bytes | None]) -> Announcement:
    """Never fails: what is missing or malformed is empty or 0."""
    texts = {clean(key): clean(value or b"") for key, value in pairs.items()}
    port = _number(texts.get("ssh", ""))
    state = texts.get("state", "")
    return Announcement(
        name=clean(name.encode()),
        id=texts.get("id", ""),
        model=texts.get("model", ""),
        architecture=texts.get("arch", ""),
        memory=_number(texts.get("mem", "")),
        ssh_port=port if 0 < port < 65536 else 22,
        key=texts.get("key", ""),
        state=state if state in STATES else "unknown",
        cluster=texts.get("cluster", ""),
    )


def clean(raw: bytes) -> str:
    """Printable ASCII only and short, so that nothing from the network reaches a terminal's escapes or a path."""
    return re.sub(r"[^ -~]", "?", raw[: 4 * MAX_TEXT].decode("utf-8", "replace"))[:MAX_TEXT]


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
