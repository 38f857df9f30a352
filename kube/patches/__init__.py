"""Patches of three languages: JSON patch (RFC 6902), merge patch (RFC 7386) and Kubernetes' strategic merge patch.

    patched = apply_patch(kind, obj, body, "application/strategic-merge-patch+json")

The object given is left as it was, though the result may share parts with it.  What comes out is raw: `kube.decoding.recode`
checks it against the schema and brings it into canonical form.  Server-side apply, the fourth language, is kube/apply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kube.decoding import parsing
from kube.errors import ApiError, bad_request
from kube.kinds import Kind
from kube.patches import json_patch, merge_patch, strategic

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

Object = dict[str, Any]
_LANGUAGES: dict[str, Callable[[Kind, Object, Any], Any]] = {
    JSON_PATCH: lambda _, obj, patch: json_patch.apply(obj, patch),
    MERGE_PATCH: lambda _, obj, patch: merge_patch.apply(obj, patch),
    STRATEGIC_PATCH: strategic.apply,
}


def apply_patch(kind: Kind, obj: Object, patch_body: bytes, content_type: str) -> Object:
    """The patched object; ApiError 400 (a bad patch), 413, 415 (not a language of the kind) or 422 (it does not apply)."""
    language = _LANGUAGES.get(content_type.partition(";")[0].strip().lower())
    if language is None:
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")
    try:
        patched = language(kind, obj, parsing.parse_json(patch_body))
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    except RecursionError as error:
        raise bad_request(f"error decoding patch: {parsing.TOO_DEEP}") from error
    if not isinstance(patched, dict):
        raise ApiError(422, "Invalid", json_patch.REJECTED)
    return patched
