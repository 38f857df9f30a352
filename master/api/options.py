"""Query parameters and options bodies, read strictly: what a list, a write or a deletion is to heed.

The words of the refusals are the reference's: existing clients and scripts know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kube.errors import ApiError, Cause, bad_request, invalid
from kube.kinds import Kind
from kube.selectors import parse_fields, parse_labels
from master.api.contract import UserInfo
from master.api.fields import check_supported, fields_of
from master.api.routing import Query, is_true
from master.api.watchers import ALL, FieldRequirement, Selection

Object = dict[str, Any]

FIELD_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
PROPAGATIONS = ("Background", "Foreground", "Orphan")
MATCHES = ("Exact", "NotOlderThan", "")
GROUP = "meta.k8s.io"
SYSTEM = UserInfo("system:apiserver", ("system:masters",))
_INDEX = {"metadata.name": -1, "metadata.namespace": -2}


def _no_warning(_message: str) -> None:
    """Nobody listens: the write is the server's own."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list or a watch asks for."""

    namespace: str = ""
    selection: Selection = ALL
    limit: int = 0
    token: str = ""
    revision: int | None = None
    match: str = ""
    timeout: int = 0
    bookmarks: bool = False
    initial_events: bool | None = None


@dataclass(frozen=True, slots=True)
class Writing:
    """How a write is done: for whom, under which field manager, and whether it only pretends."""

    user: UserInfo = SYSTEM
    manager: str = "wherry"
    dry_run: bool = False
    field_validation: str = "Warn"
    force: bool = False
    applying: bool = False
    """A server-side apply: it has set the field managers itself, and creates what does not exist."""
    warn: Callable[[str], None] = _no_warning
    options: Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deletion:
    """DeleteOptions, from body and query."""

    grace: int | None = None
    propagation: str = ""
    uid: str = ""
    revision: str = ""
    dry_run: bool = False
    orphan: bool | None = None


def read_listing(kind: Kind, namespace: str, query: Query) -> Listing:
    if not query:
        return Listing(namespace)
    watching = is_true(query, "watch")
    _check_match(query, watching)
    return Listing(
        namespace,
        selection(kind, query.get("labelSelector", ""), query.get("fieldSelector", "")),
        max(0, integer(query, "limit")),
        query.get("continue", ""),
        _revision(query.get("resourceVersion", ""), watching),
        query.get("resourceVersionMatch", ""),
        integer(query, "timeoutSeconds"),
        is_true(query, "allowWatchBookmarks"),
        is_true(query, "sendInitialEvents") if "sendInitialEvents" in query else None,
    )


def selection(kind: Kind, labels: str, fields: str) -> Selection:
    if not labels and not fields:
        return ALL
    wanted = parse_labels(labels) if labels else None
    requirements = [_requirement(kind, *term) for term in parse_fields(fields)] if fields else []
    return Selection(None if wanted is None or wanted.everything else wanted, tuple(requirements))


def _requirement(kind: Kind, name: str, op: str, value: str) -> FieldRequirement:
    check_supported(kind, name)
    index = _INDEX.get(name)
    return FieldRequirement(fields_of(kind).index(name) if index is None else index, value, op != "!=")


def integer(query: Query, name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    if not re.fullmatch("[+-]?[0-9]{1,18}", text):
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _revision(text: str, watching: bool) -> int | None:
    """None where the client gave no version."""
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,19}", text):
        reason = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(reason if watching else f"invalid resource version: {reason}")
    return int(text)


def _check_match(query: Query, watching: bool) -> None:
    match, version = query.get("resourceVersionMatch", ""), query.get("resourceVersion", "")
    initial = "sendInitialEvents" in query
    causes = []
    if match and not version and not (watching and initial):
        causes.append(_forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and watching and not initial:
        causes.append(_forbidden("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
    if match not in MATCHES:
        causes.append(_unsupported("resourceVersionMatch", f'"{match}"', MATCHES))
    if match and query.get("continue"):
        causes.append(_forbidden("resourceVersionMatch is forbidden when continue is provided"))
    if match == "Exact" and version == "0":
        causes.append(_forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if initial and not watching:
        causes.append(Cause("FieldValueForbidden", _INITIAL_FOR_LIST, "sendInitialEvents"))
    if initial and watching and match != "NotOlderThan":
        causes.append(_forbidden("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
    if causes:
        raise invalid("ListOptions", "", causes, GROUP)


_INITIAL_FOR_LIST = "Forbidden: sendInitialEvents is forbidden for list"


def _forbidden(message: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {message}", "resourceVersionMatch")


def _unsupported(name: str, value: str, supported: tuple[str, ...]) -> Cause:
    listing = ", ".join(f'"{one}"' for one in supported)
    return Cause("FieldValueNotSupported", f"Unsupported value: {value}: supported values: {listing}", name)


def read_writing(
    options_kind: str, query: Query, user: UserInfo, user_agent: str, warn: Callable[[str], None]
) -> Writing:
    """`options_kind` is CreateOptions, UpdateOptions or PatchOptions, as errors name it."""
    manager = query.get("fieldManager", "") or user_agent.partition("/")[0] or "unknown"
    if not query:
        return Writing(user, manager, warn=warn)
    dry_run, validation = query.get("dryRun", ""), query.get("fieldValidation", "")
    causes = _dry_run_causes(dry_run)
    if validation not in FIELD_VALIDATIONS:
        causes.append(_unsupported("fieldValidation", f'"{validation}"', FIELD_VALIDATIONS))
    if len(manager) > 128:
        causes.append(Cause("FieldValueTooLong", "Too long: may not be more than 128 bytes", "fieldManager"))
    if causes:
        raise invalid(options_kind, "", causes, GROUP)
    options: Object = {"kind": options_kind, "apiVersion": f"{GROUP}/v1"}
    return Writing(user, manager, bool(dry_run), validation or "Warn", is_true(query, "force"), False, warn, options)


def _dry_run_causes(value: Any) -> list[Cause]:
    given = [value] if isinstance(value, str) and value else value or []
    if all(one == "All" for one in given):
        return []
    listing = " ".join(f'"{one}"' for one in given)
    return [_unsupported("dryRun", f"[{listing}]", ("All",))]


def read_deletion(query: Query, body: Object | None) -> Deletion:
    """The body wins over the query, as upstream reads them."""
    given: Object = body if body is not None else _deletion_from(query)
    grace, propagation = given.get("gracePeriodSeconds"), given.get("propagationPolicy") or ""
    preconditions = given.get("preconditions") or {}
    dry_run = given.get("dryRun") or []
    causes = _dry_run_causes(dry_run)
    if propagation not in (*PROPAGATIONS, ""):
        causes.append(_unsupported("propagationPolicy", f'"{propagation}"', (*PROPAGATIONS, "nil")))
    orphan = given.get("orphanDependents")
    if propagation and orphan is not None:
        message = f'Invalid value: "{propagation}": orphanDependents and deletionPropagation cannot be both set'
        causes.append(Cause("FieldValueInvalid", message, "propagationPolicy"))
    if causes:
        raise invalid("DeleteOptions", "", causes, GROUP)
    if not isinstance(grace, int | None) or not isinstance(preconditions, dict):
        raise bad_request("DeleteOptions: gracePeriodSeconds must be a number, preconditions an object")
    return Deletion(
        None if grace is None else max(1, grace) if grace < 0 else grace,
        propagation,
        str(preconditions.get("uid") or ""),
        str(preconditions.get("resourceVersion") or ""),
        bool(dry_run),
        orphan,
    )


def _deletion_from(query: Query) -> Object:
    given: Object = {}
    if query.get("gracePeriodSeconds"):
        given["gracePeriodSeconds"] = integer(query, "gracePeriodSeconds")
    if query.get("propagationPolicy"):
        given["propagationPolicy"] = query["propagationPolicy"]
    if query.get("orphanDependents"):
        given["orphanDependents"] = is_true(query, "orphanDependents")
    if query.get("dryRun"):
        given["dryRun"] = query["dryRun"]
    return given


def too_large_revision(wanted: int, current: int) -> ApiError:
    return ApiError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {wanted}, current: {current}",
        [Cause("ResourceVersionTooLarge", "Too large resource version")],
        {"retryAfterSeconds": 1},
    )
