"""An object after a patch, checked against its kind; a patch that makes no object of the kind is refused as the patch's fault."""

from __future__ import annotations

import json

import orjson

from kube.decoding import parsing, recode
from kube.errors import ApiError, Cause, invalid
from kube.kinds import Kind
from kube.patches import JSON_PATCH, STRATEGIC_PATCH, apply_patch
from kube.patches.strategic import go_text
from kube.patches.strictness import complaints
from master.api.contract import Object


def patched(kind: Kind, obj: Object, body: bytes, media: str, field_validation: str) -> tuple[Object, list[str]]:
    """The patched object in canonical form, and warnings; ApiError as `apply_patch`, and 422 naming the patch."""
    lenient = "Ignore" if field_validation == "Ignore" else "Warn"
    try:
        new, unknown = recode(apply_patch(kind, obj, body, media), kind, lenient)
    except ApiError as error:
        if error.status != 400 or not error.message.startswith(f"{kind.kind} in version "):
            raise
        complaint = error.message.partition(f"cannot be handled as a {kind.kind}: ")[2]
        raise _invalid(kind, obj, body, media, complaint) from error
    found = [] if field_validation == "Ignore" else complaints(body, media == JSON_PATCH) + unknown
    if found and field_validation == "Strict":
        raise _invalid(kind, obj, body, media, f"strict decoding error: {', '.join(found)}")
    return new, found


def _invalid(kind: Kind, obj: Object, body: bytes, media: str, complaint: str) -> ApiError:
    """A strategic patch is shown as it was given, of the other languages what came of it; custom kinds' keys are sorted."""
    if media == STRATEGIC_PATCH:
        shown = go_text(parsing.parse_json(body))
    else:
        order = orjson.OPT_SORT_KEYS if kind.custom is not None else None
        shown = orjson.dumps(apply_patch(kind, obj, body, media), option=order).decode()
    said = f"Invalid value: {json.dumps(shown, ensure_ascii=False)}: {complaint}"
    return invalid("", "", [Cause("FieldValueInvalid", said, "patch")])
