"""What a check finds, and the grammar in which upstream tells it: `container "a"`, `containers "a", "b"`, `pod or ...`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """`reason (detail)`, as a refusal lists it."""

    reason: str
    detail: str

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})"


@dataclass(frozen=True, slots=True)
class Subject:
    """A pod or a template: its metadata and spec."""

    metadata: Object
    spec: Object

    @property
    def containers(self) -> Iterator[Object]:
        for field in ("initContainers", "containers", "ephemeralContainers"):
            yield from self.spec.get(field) or ()

    @property
    def is_windows(self) -> bool:
        return (self.spec.get("os") or {}).get("name") == "windows"


def security(holder: Object) -> Object:
    """The security context of a pod's spec or of a container."""
    return holder.get("securityContext") or {}


def at(obj: Object, *path: str) -> Any:
    """The value at a path of objects, or None."""
    found: Any = obj
    for part in path:
        found = (found or {}).get(part)
    return found


def quoted(values: Iterable[object]) -> str:
    return ", ".join(f'"{value}"' for value in values)


def counted(noun: str, names: list[str]) -> str:
    """`container "a"` or `containers "a", "b"`."""
    return f"{noun}{'s' if len(names) > 1 else ''} {quoted(names)}"


def named(subject: Subject, is_bad: Callable[[Object], bool]) -> list[str]:
    """The names of the containers that are bad."""
    return [container["name"] for container in subject.containers if is_bad(container)]
