"""CustomResourceDefinitions: names, versions, and the columns and subresources of each."""

from __future__ import annotations

from typing import Any

from kube import names
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object, check, one_of, required
from master.api.validation.structural import check_schema
from master.api.validation.webhooks import check_client

SPEC = ROOT / "spec"
NAMES = SPEC / "names"
SCOPES = ("Cluster", "Namespaced")
NAMED_AFTER = 'must be spec.names.plural+"."+spec.group'
ONE_STORED = "must have exactly one version marked as storage version"
UNIQUE = "must contain unique version names"
MIXED_CASE = "may have mixed case, but should otherwise match: "
COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")


def definition(obj: Object, out: Problems) -> None:
    spec, meta = obj.get("spec") or {}, obj.get("metadata") or {}
    name = f"{(spec.get('names') or {}).get('plural') or ''}.{spec.get('group') or ''}"
    if meta.get("name") and meta["name"] != name:
        out.invalid(ROOT / "metadata" / "name", meta["name"], NAMED_AFTER)
    versions = spec.get("versions") or []
    _group(spec, out)
    for index, version in enumerate(versions):
        _version(version, SPEC / "versions" / index, out)
    _storage(spec, versions, out)
    _names(spec.get("names") or {}, out)
    _conversion(spec.get("conversion") or {}, out)
    _schemas(versions, out)
    _stored(obj, versions, out)


def _group(spec: Object, out: Problems) -> None:
    group = spec.get("group") or ""
    if not group:
        out.required(SPEC / "group")
    elif details := names.dns1123_subdomain(group):
        for detail in details:
            out.invalid(SPEC / "group", group, detail)
    elif "." not in group:
        out.invalid(SPEC / "group", group, "should be a domain with at least one dot")
    check((one_of("scope", SCOPES, missing="required"),), spec, SPEC, out)


# Versions


def _version(version: Object, at: Path, out: Problems) -> None:
    if (version.get("schema") or {}).get("openAPIV3Schema") is None:
        out.required(at / "schema" / "openAPIV3Schema")
    for detail in names.dns1035_label(version.get("name") or ""):
        out.invalid(at / "name", version.get("name") or "", detail)
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        here = at / "additionalPrinterColumns" / index
        check(
            (required("name"), one_of("type", COLUMN_TYPES, missing="required"), required("jsonPath")),
            column,
            here,
            out,
        )
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        _scale(scale, at / "subresources" / "scale", out)


def _scale(scale: Object, at: Path, out: Problems) -> None:
    for name, parent in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        path = scale.get(name) or ""
        if not path:
            out.required(at / name)
        elif not path.startswith(parent):
            out.invalid(at / name, path, f"should be a json path under {parent.rstrip('.')}")
    path = scale.get("labelSelectorPath")
    if path and not path.startswith((".spec.", ".status.")):
        out.invalid(at / "labelSelectorPath", path, "should be a json path under either .status or .spec")


def _storage(spec: Object, versions: list[Object], out: Problems) -> None:
    called = [version.get("name") or "" for version in versions]
    shown = [_in_go(version) for version in versions] if spec.get("versions") is not None else None
    if len(set(called)) < len(called):
        out.invalid(SPEC / "versions", shown, UNIQUE)
    if sum(bool(version.get("storage")) for version in versions) != 1:
        out.invalid(SPEC / "versions", shown, ONE_STORED)
    for detail in names.dns1035_label(called[0]) if called and called[0] else ():
        out.invalid(SPEC / "version", called[0], detail)


def _in_go(version: Object) -> Object:
    """As the server shows its own struct; what all versions share it keeps elsewhere."""
    shown: Object = {name.capitalize(): bool(version.get(name)) for name in ("served", "storage", "deprecated")}
    absent = ("DeprecationWarning", "Schema", "Subresources", "AdditionalPrinterColumns", "SelectableFields")
    return {"Name": version.get("name") or "", **shown, **dict.fromkeys(absent)}


# Names


def _names(found: Object, out: Problems) -> None:
    for field in ("plural", "singular"):
        _label(found.get(field), NAMES / field, out)
    for field in ("kind", "listKind"):
        _mixed(found.get(field), NAMES / field, out)
    if found.get("kind") and found.get("kind") == found.get("listKind"):
        out.invalid(NAMES / "listKind", found["listKind"], "kind and listKind may not be the same")
    for field in ("shortNames", "categories"):
        for index, name in enumerate(found.get(field) or ()):
            for detail in names.dns1035_label(name):
                out.invalid(NAMES / field / index, name, detail)


def _label(name: str | None, at: Path, out: Problems) -> None:
    if not name:
        out.required(at)
    for detail in names.dns1035_label(name) if name else ():
        out.invalid(at, name, detail)


def _mixed(name: str | None, at: Path, out: Problems) -> None:
    if not name:
        out.required(at)
    for detail in names.dns1035_label(name.lower()) if name else ():
        out.invalid(at, name, MIXED_CASE + detail)


# Conversion, schemas, what is stored


def _conversion(conversion: Object, out: Problems) -> None:
    here, webhook = SPEC / "conversion", conversion.get("webhook")
    check((one_of("strategy", ("None", "Webhook"), missing="required"),), conversion, here, out)
    if conversion.get("strategy") != "Webhook":
        if webhook is not None:
            out.forbidden(here / "webhook", "should not be set when strategy is not set to Webhook")
        return
    client = (webhook or {}).get("clientConfig")
    if client is None:
        out.required(here / "webhookClientConfig", "required when strategy is set to Webhook")
    else:
        check_client(client, here / "webhookClientConfig", out)
    if not (webhook or {}).get("conversionReviewVersions"):
        out.required(here / "conversionReviewVersions")


def _schemas(versions: list[Object], out: Problems) -> None:
    """A schema that all versions share is one schema to the server, and has one place."""
    found = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    shared = len(found) == 1 or all(schema == found[0] for schema in found)
    for index, (version, schema) in enumerate(zip(versions, found, strict=True)):
        if schema is None or (shared and index):
            continue
        parent = SPEC / "validation" if shared else SPEC / "versions" / index / "schema"
        with_status = (version.get("subresources") or {}).get("status") is not None
        check_schema(schema, parent / "openAPIV3Schema", out, with_status)


def _stored(obj: Object, versions: list[Object], out: Problems) -> None:
    at, stored = ROOT / "status" / "storedVersions", (obj.get("status") or {}).get("storedVersions")
    if not stored:
        out.invalid(at, stored, "must have at least one stored version")
        return
    left: dict[Any, int] = {name: index for index, name in enumerate(stored)}
    for version in versions:
        name = version.get("name") or ""
        if version.get("storage") and name not in left:
            out.invalid(at, stored, f"must have the storage version {name}")
        left.pop(name, None)
    for name, index in left.items():
        out.invalid(at / index, name, "must appear in spec.versions")


FIXED = (("group",), ("scope",), ("names", "kind"), ("names", "plural"))


def definition_update(obj: Object, old: Object, out: Problems) -> None:
    definition(obj, out)
    conditions = (old.get("status") or {}).get("conditions") or ()
    if not any(each.get("type") == "Established" and each.get("status") == "True" for each in conditions):
        return
    for steps in FIXED:
        now, before, at = obj.get("spec") or {}, old.get("spec") or {}, SPEC
        for step in steps:
            now, before, at = (now or {}).get(step), (before or {}).get(step), at / step
        if now != before:
            out.invalid(at, now, "field is immutable")
