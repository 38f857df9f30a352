"""kubectl's WebSocket channel protocols, pure: a message is a channel number and bytes.

Versions: `v5` may close one channel (half of a connection), `v4` ends with a Status object on the error channel, the ones
before with a plain text; `base64.` forms send text messages.  Source: KEP-4006 and the remotecommand protocols.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import IntEnum

import orjson

CLOSE = 255


class Channel(IntEnum):
    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


@dataclass(frozen=True, slots=True)
class Protocol:
    """`status`: the error channel carries a Status object; `closes`: a channel can be closed alone."""

    name: str
    base64: bool = False
    status: bool = True
    closes: bool = False


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("v5.channel.k8s.io", closes=True),
        Protocol("v4.channel.k8s.io"),
        Protocol("v4.base64.channel.k8s.io", base64=True),
        Protocol("channel.k8s.io", status=False),
        Protocol("base64.channel.k8s.io", base64=True, status=False),
    )
}
PLAIN = Protocol("", status=False)


def encode(protocol: Protocol, channel: int, data: bytes) -> bytes | str:
    """One message; text for the base64 forms."""
    if protocol.base64:
        return f"{channel}{base64.b64encode(data).decode()}"
    return bytes((channel,)) + data


def decode(protocol: Protocol, message: bytes | str) -> tuple[int, bytes]:
    """(channel, data).  ValueError when the message is none of this protocol."""
    if not message:
        raise ValueError("empty message")
    if not protocol.base64:
        raw = message.encode() if isinstance(message, str) else message
        return raw[0], raw[1:]
    text = message if isinstance(message, str) else message.decode("ascii", "replace")
    if not text[0].isdigit():
        raise ValueError("a base64 message begins with the channel's digit")
    try:
        return int(text[0]), base64.b64decode(text[1:], validate=True)
    except binascii.Error as error:
        raise ValueError(f"bad base64: {error}") from error


def ending(protocol: Protocol, status: bytes) -> bytes:
    """What the error channel says at the end: `status` is the runtime's Status object, empty for success."""
    if protocol.status:
        return status or b'{"metadata":{},"status":"Success"}'
    if not status:
        return b""
    parsed = orjson.loads(status)
    return b"" if parsed.get("status") == "Success" else str(parsed.get("message", "")).encode()
