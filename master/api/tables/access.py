"""The cells of roles' bindings, certificates, quotas and policies."""

from __future__ import annotations

from typing import Any

from master.api.tables.cells import NONE, UNSET, Cell, human_duration, value

Object = dict[str, Any]


def role(binding: Object) -> str:
    found = binding.get("roleRef") or {}
    return f"{found.get('kind', '')}/{found.get('name', '')}"


def subjects(kind: str) -> Cell:
    def cell(binding: Object) -> str:
        found = [one for one in binding.get("subjects") or () if one["kind"] == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{one.get('namespace', '')}/{one['name']}" for one in found)
        return ", ".join(one["name"] for one in found)

    return cell


def condition(request: Object) -> str:
    """Of a certificate signing request: what has become of it."""
    types = [one["type"] for one in value(request, "status.conditions") or ()]
    words = [word for word in ("Approved", "Denied", "Failed") if word in types]
    if value(request, "status.certificate"):
        words.append("Issued")
    return ",".join(words) or "Pending"


def requested_duration(request: Object) -> str:
    seconds = value(request, "spec.expirationSeconds")
    return NONE if seconds is None else human_duration(seconds)


def quota(limits: bool) -> Cell:
    """`name: used/hard` for what is limited, or for everything else."""

    def cell(obj: Object) -> str:
        hard, used = value(obj, "status.hard") or {}, value(obj, "status.used") or {}
        names = [name for name in sorted(hard) if name.startswith("limits.") is limits]
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)

    return cell


def parameter_kind(policy: Object) -> str:
    found = value(policy, "spec.paramKind")
    return f"{found['apiVersion']}/{found['kind']}" if found else UNSET


def parameter(binding: Object) -> str:
    found = value(binding, "spec.paramRef") or {}
    path = [found.get("namespace", ""), found.get("name", "")]
    return "/".join(part for part in path if part) or UNSET


def service(api_service: Object) -> str:
    found = value(api_service, "spec.service")
    return f"{found.get('namespace', '')}/{found.get('name', '')}" if found else "Local"


def available(api_service: Object) -> str:
    for one in value(api_service, "status.conditions") or ():
        if one["type"] == "Available":
            return str(one["status"]) + (f" ({one['reason']})" if one["status"] != "True" else "")
    return "Unknown"


def missing_level(schema: Object) -> str:
    return next(
        (str(one["status"]) for one in value(schema, "status.conditions") or () if one["type"] == "Dangling"), "?"
    )


def claim_state(claim: Object) -> str:
    found = value(claim, "status") or {}
    if "deletionTimestamp" in claim["metadata"]:
        return "deleted"
    states = [word for key, word in (("allocation", "allocated"), ("reservedFor", "reserved")) if found.get(key)]
    return ",".join(states) or "pending"
