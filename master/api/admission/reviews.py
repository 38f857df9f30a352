"""AdmissionReview v1: the question put to a webhook, and what its answer means.  Pure but for the question's uid.

Source: the API's documentation of dynamic admission control.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from kube.errors import ApiError
from kube.kinds import Kind
from master.api.contract import Attributes, Object, UserInfo

GROUP = "admission.k8s.io"
SPOKEN = ("v1", "v1beta1")
"""Versions of AdmissionReview that are spoken here; the older one's answers need name neither uid nor patchType."""
OPTIONS = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}


class AnswerError(Exception):
    """What the webhook sent is no answer to the question."""


@dataclass(frozen=True, slots=True)
class Answer:
    allowed: bool
    status: Object = field(default_factory=dict)
    patch: list[Any] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)


def request_of(attributes: Attributes, identity: Callable[[], str] = lambda: str(uuid.uuid4())) -> Object:
    """The `request` of a review, which expressions see as `request` too."""
    kind, asked = attributes.kind, attributes.requested or attributes.kind
    found: Object = {
        "uid": identity(),
        "kind": _kind(attributes.shown),
        "resource": _resource(kind),
        "requestKind": _kind(attributes.body or asked),
        "requestResource": _resource(asked),
    }
    if attributes.subresource:
        found |= {"subResource": attributes.subresource, "requestSubResource": attributes.subresource}
    if attributes.name:
        found["name"] = attributes.name
    if attributes.namespace:
        found["namespace"] = attributes.namespace
    elif (kind.group, kind.kind) == ("", "Namespace"):
        found["namespace"] = attributes.name
    return found | {
        "operation": attributes.operation,
        "userInfo": user_info(attributes.user),
        "object": versioned(attributes, attributes.object),
        "oldObject": versioned(attributes, attributes.old),
        "dryRun": attributes.dry_run,
        "options": options_of(attributes),
    }


def _kind(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _resource(kind: Kind) -> Object:
    return {"group": kind.group, "version": kind.version, "resource": kind.plural}


def user_info(user: UserInfo) -> Object:
    found: Object = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        found["uid"] = user.uid
    if user.extra:
        found["extra"] = {key: list(values) for key, values in user.extra.items()}
    return found


def versioned(attributes: Attributes, obj: Object | None) -> Object | None:
    """The object with its apiVersion and kind, as they stand before anything else."""
    if obj is None:
        return None
    return {"kind": attributes.shown.kind, "apiVersion": attributes.shown.api_version} | obj


def options_of(attributes: Attributes) -> Object | None:
    kind = OPTIONS.get(attributes.operation)
    if kind is None:
        return None
    return {"kind": kind, "apiVersion": "meta.k8s.io/v1"} | attributes.options


def spoken_with(hook: Object) -> str:
    """The version of reviews a webhook is asked in: the first it names that is spoken here."""
    return next((each for each in hook.get("admissionReviewVersions") or () if each in SPOKEN), SPOKEN[0])


def review_of(request: Object, version: str = "v1") -> bytes:
    return orjson.dumps({"kind": "AdmissionReview", "apiVersion": f"{GROUP}/{version}", "request": request})


def read_answer(body: bytes, uid: str, version: str = "v1") -> Answer:
    """AnswerError says which part is missing or wrong."""
    strict = version == SPOKEN[0]
    try:
        review = orjson.loads(body)
        response = review.get("response")
        if strict and (review.get("apiVersion"), review.get("kind")) != (f"{GROUP}/{version}", "AdmissionReview"):
            found = f"{review.get('apiVersion', '')}, Kind={review.get('kind', '')}"
            raise AnswerError(f"expected webhook response of {GROUP}/{version}, Kind=AdmissionReview, got {found}")
        if not response:
            raise AnswerError("webhook response was absent")
        if strict and response.get("uid") != uid:
            raise AnswerError(f'expected response.uid="{uid}", got "{response.get("uid", "")}"')
        return Answer(
            bool(response.get("allowed")),
            response.get("status") or {},
            _patch(response if strict or not response.get("patch") else response | {"patchType": "JSONPatch"}),
            tuple(map(str, response.get("warnings") or ())),
            dict(response.get("auditAnnotations") or {}),
        )
    except (ValueError, AttributeError, TypeError) as error:
        raise AnswerError(f"webhook returned a response that cannot be read: {error}") from error


def _patch(response: Object) -> list[Any]:
    text, language = response.get("patch"), response.get("patchType")
    if not text:
        if language:
            raise AnswerError("webhook returned response.patchType but not response.patch")
        return []
    if language != "JSONPatch":
        raise AnswerError(f'webhook returned invalid response.patchType of "{language or ""}"')
    try:
        patch = orjson.loads(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise AnswerError("webhook returned a response.patch that is not base64") from error
    if not isinstance(patch, list):
        raise AnswerError("webhook returned a response.patch that is no list")
    return patch


def denial(name: str, status: Object) -> ApiError:
    """What the webhook said, in its own code and reason, never as a success."""
    by, code = f'admission webhook "{name}" denied the request', status.get("code")
    said = status.get("message") or status.get("reason")
    message = f"{by}: {said}" if said else f"{by} without explanation"
    details = {key: value for key, value in (status.get("details") or {}).items() if key != "causes"}
    return ApiError(max(int(code or 400), 400), str(status.get("reason") or ""), message, details=details)
