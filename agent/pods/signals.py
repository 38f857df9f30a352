"""The signals of `lifecycle.stopSignal` by their names, as Linux numbers them."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any


def stop_signal(container: Mapping[str, Any]) -> int:
    """The number of the signal that ends a container; 0 where its spec leaves it to the image."""
    return number(str((container.get("lifecycle") or {}).get("stopSignal") or ""))


def number(name: str) -> int:
    """`SIGUSR1`, `SIGRTMIN+3`, `SIGRTMAX-1`; ValueError for what is no signal, 0 for nothing."""
    if not name:
        return 0
    for sign in "+-":
        base, found, offset = name.partition(sign)
        if found:
            return number(base) + int(f"{sign}{offset}")
    try:
        return int(signal.Signals[name])
    except KeyError:
        raise ValueError(f"unknown signal {name}") from None
