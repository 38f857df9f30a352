"""What the node's API needs to know of pods and containers; the agent's pods room answers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class PodViews(Protocol):
    """A pod or container that is not here, or not yet, is an ApiError."""

    def pods(self) -> list[dict[str, Any]]:
        """Every pod of the node, with its newest status."""
        ...

    def container_id(self, namespace: str, name: str, container: str) -> str:
        """The container that runs now."""
        ...

    def sandbox_id(self, namespace: str, name: str) -> str: ...

    def log_path(self, namespace: str, name: str, container: str, previous: bool = False) -> Path: ...
