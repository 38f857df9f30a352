"""The numbers of every definition's fields, read from fields.json (see generate.py)."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import orjson


def paths(definition: str) -> dict[str, tuple[int, ...]]:
    """Field → its number, or the path of numbers to a field lifted out of an embedded struct."""
    numbers = _data()[definition]
    return {name: (path,) if isinstance(path, int) else tuple(path) for name, path in numbers.items()}


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, int | list[int]]]:
    data: dict[str, dict[str, int | list[int]]] = orjson.loads(
        resources.files(__name__.rpartition(".")[0]).joinpath("fields.json").read_bytes()
    )
    return data
