"""The one error of the API: raised anywhere, turned into a `Status` body at the edge only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of Status.details.causes, e.g. Cause("FieldValueRequired", "Required value", "spec.containers[0].image")."""

    reason: str
    message: str
    field: str = ""

    def to_json(self) -> dict[str, str]:
        body = {"reason": self.reason} if self.reason else {}
        body["message"] = self.message
        return body | {"field": self.field} if self.field else body


@dataclass
class ApiError(Exception):
    """A refusal with an HTTP status and a machine-readable reason (`NotFound`, `Invalid`, `Conflict`, ...).

    `details` holds Status.details without causes: name, group, kind, uid, retryAfterSeconds.
    """

    status: int
    reason: str
    message: str
    causes: list[Cause] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.reason}: {self.message}"

    def to_status(self) -> dict[str, Any]:
        """The `Status` object of this error, as kube-apiserver writes it."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        details = dict(self.details)
        if self.causes:
            details["causes"] = [cause.to_json() for cause in self.causes]
        if details or self.reason in {"NotFound", "AlreadyExists", "Conflict", "Invalid", "Forbidden"}:
            body["details"] = details
        body["code"] = self.status
        return body


def words_of(error: BaseException) -> str:
    """What an exception says for itself; its type where it says nothing (TimeoutError does not)."""
    return str(error) or type(error).__name__


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> ApiError:
    return ApiError(401, "Unauthorized", message)


def not_found(resource: str, name: str, group: str = "") -> ApiError:
    qualified = f"{resource}.{group}" if group else resource
    details = {"name": name} | ({"group": group} if group else {}) | {"kind": resource}
    return ApiError(404, "NotFound", f'{qualified} "{name}" not found', details=details)


def already_exists(resource: str, name: str, group: str = "") -> ApiError:
    qualified = f"{resource}.{group}" if group else resource
    details = {"name": name} | ({"group": group} if group else {}) | {"kind": resource}
    return ApiError(409, "AlreadyExists", f'{qualified} "{name}" already exists', details=details)


def conflict(resource: str, name: str, message: str, group: str = "") -> ApiError:
    qualified = f"{resource}.{group}" if group else resource
    details = {"name": name} | ({"group": group} if group else {}) | {"kind": resource}
    return ApiError(
        409, "Conflict", f'Operation cannot be fulfilled on {qualified} "{name}": {message}', details=details
    )


def invalid(kind: str, name: str, causes: list[Cause], group: str = "") -> ApiError:
    """422 with every cause; the message lists them as kube-apiserver does, each once."""
    said = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    listing = said[0] if len(said) == 1 else "[" + ", ".join(said) + "]"
    qualified = f"{kind}.{group}" if group else kind
    details = ({"name": name} if name else {}) | ({"group": group} if group else {}) | ({"kind": kind} if kind else {})
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {listing}', causes, details)


def gone(message: str) -> ApiError:
    return ApiError(410, "Expired", message)
