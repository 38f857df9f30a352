"""What is wrong with an object, and where: field paths, and causes in the reasons and formats of kube-apiserver.

`Path` is a chain of steps, rendered only when a problem is reported: `at / "containers" / 0 / "image"` reads
`spec.containers[0].image`, `at["tls.crt"]` reads `data[tls.crt]`.
"""

from __future__ import annotations

from typing import Any

import orjson

from kube.errors import Cause


class Path:
    """One step of a field path and the steps before it.

    A step is a field's name, an index, or a key in a tuple; making one costs little, since nearly none is ever shown.
    """

    __slots__ = ("parent", "step")

    def __init__(self, step: str | int | tuple[str] = "", parent: Path | None = None) -> None:
        self.step = step
        self.parent = parent

    def __truediv__(self, step: str | int) -> Path:
        return Path(step, self)

    def __getitem__(self, key: str) -> Path:
        return Path((key,), self)

    def __str__(self) -> str:
        steps: list[str] = []
        here: Path | None = self
        while here is not None:
            steps.append(_rendered(here.step))
            here = here.parent
        return "".join(reversed(steps)).removeprefix(".")


def _rendered(step: str | int | tuple[str]) -> str:
    if isinstance(step, tuple):
        return f"[{step[0]}]"
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step else ""


ROOT = Path()


class Problems(list[Cause]):
    """The causes found so far; a method a reason."""

    def required(self, at: Path, detail: str = "") -> None:
        self._add("FieldValueRequired", "Required value", at, detail)

    def invalid(self, at: Path, value: Any, detail: str) -> None:
        self._add("FieldValueInvalid", f"Invalid value: {shown(value)}", at, detail)

    def unsupported(self, at: Path, value: Any, supported: tuple[str, ...]) -> None:
        detail = "supported values: " + ", ".join(f'"{each}"' for each in supported)
        self._add("FieldValueNotSupported", f"Unsupported value: {shown(value)}", at, detail)

    def duplicate(self, at: Path, value: Any) -> None:
        self._add("FieldValueDuplicate", f"Duplicate value: {shown(value)}", at)

    def forbidden(self, at: Path, detail: str) -> None:
        self._add("FieldValueForbidden", "Forbidden", at, detail)

    def not_found(self, at: Path, value: Any) -> None:
        self._add("FieldValueNotFound", f"Not found: {shown(value)}", at)

    def too_long(self, at: Path, limit: int) -> None:
        self._add("FieldValueTooLong", "Too long", at, f"may not be more than {limit} bytes")

    def too_many(self, at: Path, count: int, limit: int) -> None:
        self._add("FieldValueTooMany", f"Too many: {count}", at, f"must have at most {limit} items")

    def wrong_type(self, at: Path, value: Any, detail: str) -> None:
        self._add("FieldValueTypeInvalid", f"Invalid value: {shown(value)}", at, detail)

    def _add(self, reason: str, message: str, at: Path, detail: str = "") -> None:
        self.append(Cause(reason, f"{message}: {detail}" if detail else message, str(at)))


def shown(value: Any) -> str:
    """A value as the server prints it: JSON, a map of texts in the order of its keys, a struct in its own."""
    if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return orjson.dumps(value).decode()
