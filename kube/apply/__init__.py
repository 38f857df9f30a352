"""Server-side apply, and the ownership of fields that it rests on.

    track_update(kind, old, new, manager, subresource, now)      # every create, update and patch: sets new's managedFields
    obj = server_side_apply(kind, live, applied, manager, force, now)     # 409 with the managers it conflicts with

Call `track_update` with the object as the client wants it, decoded and with its defaults, before admission, allocation and the
strategies add theirs: what the server adds belongs to nobody.  What `server_side_apply` answers has no defaults for what it
added yet and is not checked: `kube.decoding.recode`, defaults and validation follow, `track_update` does not.
"""

from __future__ import annotations

from typing import Any

import orjson

from kube import decoding
from kube.apply import managers as owners
from kube.apply import sets
from kube.apply.compiling import UNOWNED_METADATA, UNOWNED_ROOT, baseline, custom_type, type_of
from kube.apply.managers import APPLY, UPDATE, Manager, Managers
from kube.apply.sets import Node
from kube.apply.types import SchemaError, Struct
from kube.decoding import parsing, pruning
from kube.errors import ApiError, Cause, bad_request, invalid
from kube.kinds import Kind

__all__ = ["custom_type", "parse_applied", "server_side_apply", "track_update"]

Object = dict[str, Any]
BEFORE_FIRST_APPLY = "before-first-apply"

# Fields that a write of the object, or of a subresource, does not set: nobody owns them by it.
_ALWAYS_UNOWNED: Node = {f"f:{name}": sets.LEAF for name in UNOWNED_ROOT}
_METADATA_UNOWNED: Node = {f"f:{name}": sets.LEAF for name in UNOWNED_METADATA}
_REQUESTS = "certificatesigningrequests.certificates.k8s.io"
_RESET: dict[tuple[str, str], tuple[str, ...]] = {
    (_REQUESTS, ""): ("spec", "status"),
    (_REQUESTS, "approval"): ("spec",),
}


def track_update(
    kind: Kind,
    old: Object | None,
    new: Object,
    manager: str,
    subresource: str,
    now: str,
    custom: Struct | None = None,
) -> None:
    """Gives `manager` the fields that differ from `old` (None at a create) and sets the managedFields of `new`.

    `custom` is a custom resource's type, made once of its schema by `custom_type`.
    """
    type_ = custom or type_of(kind)
    managers = owners.claimed(new, old)
    try:
        gained, lost = type_.changes(baseline(kind) if old is None else old, new)
    except SchemaError:
        # An item without its key: validation will refuse the object, and nobody owns anything new.
        gained = lost = None
    gained = _ownable(gained or {}, kind, subresource)
    if lost:
        managers.drop(_ownable(lost, kind, subresource))
    if gained:
        mine = Manager(manager, UPDATE, kind.api_version, subresource)
        managers.take_from_others(gained, mine)
        # A write through scale carries no time, in the reference too.
        managers.give(mine, gained, "" if subresource == "scale" else now)
        owners.cap(managers)
    owners.write(new, managers)


def server_side_apply(
    kind: Kind,
    live: Object | None,
    applied: Object,
    manager: str,
    force: bool,
    now: str,
    subresource: str = "",
    custom: Struct | None = None,
) -> Object:
    """The live object with the applied configuration merged in and what its manager gave up removed.

    ApiError 400 for a configuration the schema does not know, 409 for fields that others own with other values.
    """
    if not manager:
        cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
        raise invalid("PatchOptions", "", [cause], "meta.k8s.io")
    if _metadata(applied).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    type_ = custom or type_of(kind)
    mine = Manager(manager, APPLY, kind.api_version, subresource)
    try:
        configured = _ownable(type_.owned(applied) or {}, kind, subresource)
        managers = _known_managers(type_, kind, live)
        merged = _merged(type_, live or {}, applied, managers, mine, configured)
        gained, lost = type_.changes(live or {}, merged)
    except SchemaError as error:
        name = f"{_metadata(applied).get('namespace', '')}/{_metadata(applied).get('name', '')}"
        complaint = f"failed to create typed patch object ({name}; {kind.api_version}, Kind={kind.kind}): {error}"
        raise bad_request(complaint) from error
    _settle(managers, mine, gained or {}, force)
    if lost:
        managers.drop(lost)
    if gained or lost:
        managers.times[mine] = now
    owners.write(merged, managers)
    # The caller may change what it gets: share nothing with the live object or the configuration.
    copied: Object = orjson.loads(orjson.dumps(merged))
    return copied


def parse_applied(body: bytes, kind: Kind) -> Object:
    """The configuration of an apply request's body, YAML or JSON; ApiError 400."""
    try:
        value = parsing.parse_json(body) if body.lstrip()[:1] == b"{" else parsing.parse_yaml(body)
    except ValueError as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    decoding.check_header(value, body, kind)
    return value if isinstance(value, dict) else {}


def repeated_keys(body: bytes, field_validation: str) -> list[str]:
    """Complaints about keys that the body says more than once; ApiError 400 where it is to be strict."""
    if field_validation == "Ignore":
        return []
    if body.lstrip()[:1] == b"{":
        found = [f'duplicate field "{path}"' for path in pruning.duplicates(body)]
    else:
        found = parsing.duplicate_yaml_keys(body)
    if not found:
        return []
    complaint = "\n  ".join(["error converting YAML to JSON: yaml: unmarshal errors:", *found])
    if field_validation == "Strict":
        raise bad_request(f"error strict decoding YAML: {complaint}")
    return [complaint]


def _metadata(obj: Object) -> Object:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _merged(
    type_: Struct, live: Object, applied: Object, managers: Managers, mine: Manager, configured: Node
) -> Object:
    """The live object with the configuration, without what its manager owned and nobody owns any more."""
    last = managers.fields.get(mine, {})
    managers.fields[mine] = configured
    everyones = sets.union_of(managers.fields.values())
    merged: Object = type_.prune(type_.merge(live, applied), last, everyones)
    return merged


def _known_managers(type_: Struct, kind: Kind, live: Object | None) -> Managers:
    """The live object's managers; all it has belongs to somebody unnamed when it was written without tracking."""
    managers = owners.read(live)
    if live is not None and not managers.fields:
        fields = _ownable(type_.added(live), kind, "")
        if fields:
            managers.fields[Manager(BEFORE_FIRST_APPLY, UPDATE, kind.api_version)] = fields
    return managers


def _settle(managers: Managers, mine: Manager, gained: Node, force: bool) -> None:
    """Takes what was changed from its other owners, or refuses when there are any."""
    conflicts = {
        manager: common
        for manager, fields in managers.fields.items()
        if manager != mine and (common := sets.intersection(fields, gained))
    }
    if conflicts and not force:
        raise _conflict(
            {
                manager.described(managers.times.get(manager, "")): sets.paths(fields)
                for manager, fields in conflicts.items()
            }
        )
    managers.take_from_others(gained, mine)


def _conflict(conflicts: dict[str, list[str]]) -> ApiError:
    """409, naming each manager and field."""
    causes = [
        Cause("FieldManagerConflict", f"conflict with {who}", path)
        for who in sorted(conflicts)
        for path in conflicts[who]
    ]
    lines = []
    for who in sorted(conflicts):
        paths = conflicts[who]
        lines.append(
            f"conflict with {who}: {paths[0]}"
            if len(paths) == 1
            else f"conflicts with {who}:\n" + "\n".join(f"- {path}" for path in paths)
        )
    plural = "" if len(causes) == 1 else "s"
    message = f"Apply failed with {len(causes)} conflict{plural}: " + "\n".join(lines)
    return ApiError(409, "Conflict", message, causes)


def _ownable(fields: Node, kind: Kind, subresource: str) -> Node:
    """Without the fields that this write cannot set and those that nobody owns."""
    reset = _RESET.get((kind.qualified, subresource))
    if reset is None:
        reset = ("spec",) if subresource == "status" else ("status",) if kind.subresource("status") else ()
    dropped = {"apiVersion", "kind", *reset}
    kept = {key: node for key, node in fields.items() if key[2:] not in dropped and key != sets.SELF}
    metadata = kept.get("f:metadata")
    if metadata is not None:
        own = {key: node for key, node in metadata.items() if key not in _METADATA_UNOWNED and key != sets.SELF}
        if own:
            kept["f:metadata"] = own
        else:
            del kept["f:metadata"]
    return kept
