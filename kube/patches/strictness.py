"""What a patch says that its language does not know, or says twice: for who wants to hear of it before it is dropped."""

from __future__ import annotations

from typing import Any

from kube.decoding import parsing, repeated_fields

_OPERATION = ("op", "path", "from", "value")


def complaints(body: bytes, operations: bool) -> list[str]:
    """Of the body of a patch that was read before; `operations` says that it is a JSON patch's list."""
    value = parsing.parse_json(body)
    repeated = repeated_fields(body, value)
    if not operations:
        return repeated
    return [f"json patch {one}" for one in _unknown(value) + repeated]


def _unknown(operations: Any) -> list[str]:
    return [
        f'unknown field "[{at}].{name}"'
        for at, operation in enumerate(operations)
        if isinstance(operation, dict)
        for name in operation
        if name not in _OPERATION
    ]
