"""ConversionReview: the question put to a webhook that converts between versions, and what its answer means.  Pure.

Source: the API's documentation of versions in CustomResourceDefinitions.
"""

from __future__ import annotations

from typing import Any

import orjson

Object = dict[str, Any]

GROUP = "apiextensions.k8s.io"
SPOKEN = ("v1", "v1beta1")
"""Versions of ConversionReview that are spoken here; both look the same."""
KEPT = ("name", "namespace", "uid")
CONVERTED = ("labels", "annotations")
"""What a webhook may change of the metadata; the rest is kept as it was."""


class ConversionError(Exception):
    """What the webhook sent is no conversion; its text says why."""


def review_of(objects: list[Object], api_version: str, uid: str, understood: list[str]) -> bytes:
    """The body of the question; `understood` are the review's versions that the webhook knows, its favourite first."""
    spoken = next((version for version in understood if version in SPOKEN), SPOKEN[0])
    request = {"uid": uid, "desiredAPIVersion": api_version, "objects": objects}
    return orjson.dumps({"kind": "ConversionReview", "apiVersion": f"{GROUP}/{spoken}", "request": request})


def read_answer(body: bytes, uid: str, objects: list[Object], api_version: str) -> list[Object]:
    """The objects in the version asked for; ConversionError where one of them is missing or another one."""
    try:
        review = orjson.loads(body)
        found = _converted(review, uid)
    except (ValueError, AttributeError, TypeError) as error:
        raise ConversionError(f"the response cannot be read: {error}") from error
    if len(found) != len(objects):
        raise ConversionError(f"returned {len(found)} objects, expected {len(objects)}")
    return [_accepted(*pair, api_version, index) for index, pair in enumerate(zip(objects, found, strict=True))]


def _converted(review: Object, uid: str) -> list[Any]:
    group, _, version = (review.get("apiVersion") or "").partition("/")
    if (group, review.get("kind")) != (GROUP, "ConversionReview") or version not in SPOKEN:
        found = f"{review.get('apiVersion', '')}, Kind={review.get('kind', '')}"
        raise ConversionError(f"expected webhook response of {GROUP}/v1, Kind=ConversionReview, got {found}")
    response = review.get("response")
    if not response:
        raise ConversionError("no response provided")
    if response.get("uid") != uid:
        raise ConversionError(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
    result = response.get("result") or {}
    if result.get("status") != "Success":
        said = f"response.result.status was '{result.get('status', '')}', not 'Success'"
        raise ConversionError(result.get("message") or said)
    return list(response.get("convertedObjects") or ())


def _accepted(before: Object, after: Any, api_version: str, index: int) -> Object:
    """What the webhook made of an object, under the metadata the object had."""
    where = f"returned invalid converted object at index {index}: "
    if not isinstance(after, dict) or not isinstance(after.get("metadata"), dict):
        raise ConversionError(f"{where}it has no metadata")
    if after.get("apiVersion") != api_version:
        said = f"invalid groupVersion (expected {api_version}, received {after.get('apiVersion', '')})"
        raise ConversionError(where + said)
    if after.get("kind") != before["kind"]:
        raise ConversionError(f"{where}invalid kind (expected {before['kind']}, received {after.get('kind', '')})")
    meta, old = after["metadata"], before["metadata"]
    for field in KEPT:
        if (meta.get(field) or "") != (old.get(field) or ""):
            said = f"must have the same {field}: {old.get(field) or ''} != {meta.get(field) or ''}"
            raise ConversionError(f"{where}invalid metadata: {said}")
    kept = {field: value for field, value in old.items() if field not in CONVERTED}
    return after | {"metadata": kept | {field: meta[field] for field in CONVERTED if meta.get(field)}}
