"""The seam to what the node keeps on its disk, for pods that are started while no master answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Kept(Protocol):
    """Rows of JSON by drawer and key; what is kept is on the disk soon after."""

    def recall(self, drawer: str, key: str) -> Any | None: ...
    def keep(self, drawer: str, key: str, what: Any | None) -> None: ...
    def prune(self, drawer: str, needed: Callable[[str], bool]) -> None: ...


class NothingKept:
    """A node without a disk to keep things on."""

    def recall(self, drawer: str, key: str) -> Any | None:
        return None

    def keep(self, drawer: str, key: str, what: Any | None) -> None:
        return None

    def prune(self, drawer: str, needed: Callable[[str], bool]) -> None:
        return None
