"""JSON patch (RFC 6902) by the jsonpatch library, bounded so that no patch can unfold without end."""

from __future__ import annotations

from typing import Any

import jsonpatch
import jsonpointer
import orjson

from kube.errors import ApiError

REJECTED = "the server rejected our request due to an error in our request"
MAX_OPERATIONS = 10_000
# How much text all copies of one patch may add.
MAX_COPIED = 3 * 1024 * 1024


def apply(obj: dict[str, Any], operations: Any) -> Any:
    """The patched value; ValueError when the patch is no list of operations, ApiError 422 when one does not apply."""
    if not isinstance(operations, list):
        raise ValueError("json: cannot unmarshal a patch that is no array of operations")
    if len(operations) > MAX_OPERATIONS:
        raise ApiError(
            413,
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}",
        )
    # The library changes in place and shares what it adds: work on copies of both.
    value, operations = orjson.loads(orjson.dumps(obj)), orjson.loads(orjson.dumps(operations))
    copied = 0
    for operation in operations:
        copied += _copies(value, operation)
        if copied > MAX_COPIED:
            raise ApiError(
                413, "RequestEntityTooLarge", f"the copies of a JSON patch may not exceed {MAX_COPIED} bytes"
            )
        value = _apply_one(value, operation)
    return value


def _copies(value: Any, operation: Any) -> int:
    """The size of what a copy operation doubles; 0 for any other."""
    if not isinstance(operation, dict) or operation.get("op") != "copy":
        return 0
    try:
        return len(orjson.dumps(jsonpointer.resolve_pointer(value, str(operation.get("from")), None)))
    except jsonpointer.JsonPointerException:
        return 0  # the operation itself will be refused
    except TypeError as error:
        raise ApiError(422, "Invalid", REJECTED) from error  # nested too deep to be written


def _apply_one(value: Any, operation: Any) -> Any:
    try:
        patched = jsonpatch.JsonPatch([operation]).apply(value, in_place=True)
        # A copied part is the same Python object in two places, and a later operation must not change both.
        return orjson.loads(orjson.dumps(patched)) if operation["op"] == "copy" else patched
    except (
        jsonpatch.JsonPatchException,
        jsonpointer.JsonPointerException,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        ValueError,
    ) as error:
        raise ApiError(422, "Invalid", REJECTED) from error
