"""Notes beside a store's file: what a check has found in it, for its next start, and what was done about it, for people."""

from __future__ import annotations

from pathlib import Path

from kube.files import write_atomic

ASIDE = ".damaged-"
REPORT = ".txt"
SUSPECT = ".suspect"


def note_damage(store: Path, found: str) -> None:
    """The store's next start mends it."""
    write_atomic(_suspect(store), f"{found}\n".encode(), 0o600)


def noted_damage(store: Path) -> str:
    """Empty where nothing was found."""
    path = _suspect(store)
    return path.read_text(errors="replace").strip() if path.exists() else ""


def forget_damage(store: Path) -> None:
    _suspect(store).unlink(missing_ok=True)


def reports(store: Path) -> list[Path]:
    """What recoveries have written, the newest first."""
    return sorted(store.parent.glob(f"{store.name}{ASIDE}*{REPORT}"), reverse=True)


def _suspect(store: Path) -> Path:
    return store.with_name(store.name + SUSPECT)
