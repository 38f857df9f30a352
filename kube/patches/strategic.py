"""Strategic merge patch: a merge patch whose lists merge by key where the schema names one, with directives.

How it works: the patch is walked together with the object and its schema.  `$patch` (merge, replace, delete) speaks of the map
or list item it stands in, `$retainKeys` of the keys a map may keep, `$deleteFromPrimitiveList/FIELD` and
`$setElementOrder/FIELD` of the list in FIELD beside them.
"""

from __future__ import annotations

from typing import Any

from kube import schemas
from kube.errors import ApiError, bad_request
from kube.kinds import Kind
from kube.schemas import Field, Shape

PATCH, RETAIN_KEYS = "$patch", "$retainKeys"
DELETE_FROM, SET_ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"
# Fields of JSON schemas, not directives.
FIELDS = frozenset({"$ref", "$schema"})
NOT_FOR_CUSTOM = (
    "the body of the request was in an unknown format - accepted media types include: "
    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
)

Map = dict[str, Any]
_ANY = Field("", Shape("object"))


def apply(kind: Kind, obj: Map, patch: Any) -> Map:
    """The patched object; ApiError 400 for a patch that contradicts itself or the schema."""
    if not isinstance(patch, dict):
        raise ValueError("a strategic merge patch is an object")
    try:
        definition = schemas.of(kind)
    except KeyError as error:
        raise ApiError(415, "UnsupportedMediaType", NOT_FOR_CUSTOM) from error
    return _merge_map(definition.fields, obj, patch)


def _fields_of(shape: Shape) -> dict[str, Field] | Shape:
    """What is known of a map's keys: a definition's fields, or one shape for all."""
    if shape.ref and shape.ref not in schemas.SCALARS:
        return schemas.definition(shape.ref).fields
    return shape.element or Shape("object")


def _field_of(known: dict[str, Field] | Shape, key: str) -> Field:
    if isinstance(known, dict):
        return known.get(key, _ANY)
    return Field(key, known)


def _merge_map(known: dict[str, Field] | Shape, original: Map, patch: Map) -> Map:
    directive = patch.get(PATCH)
    if directive is not None and directive != "merge":
        return _replaced_map(directive, patch)
    merged = _retained(original, patch)
    for key, value in patch.items():
        if not key.startswith("$") or key in FIELDS:
            _merge_key(known, merged, key, value)
    for key, value in patch.items():
        if key.startswith((DELETE_FROM, SET_ORDER)):
            _direct_list(known, merged, key, value, patch, original)
    return merged


def _replaced_map(directive: Any, patch: Map) -> Map:
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != PATCH}
    if directive == "delete":
        return {}
    raise bad_request(f"unknown patch type: {directive} in map: {go_text(patch)}")


def _retained(original: Map, patch: Map) -> Map:
    """The original without the keys that `$retainKeys` does not list."""
    if RETAIN_KEYS not in patch:
        return dict(original)
    keep = patch[RETAIN_KEYS]
    if not isinstance(keep, list) or any(key not in keep for key in patch if not key.startswith("$")):
        raise bad_request("retainKeys list doesn't contain all keys of the patch: " + go_text(patch))
    return {key: value for key, value in original.items() if key in keep}


def _merge_key(known: dict[str, Field] | Shape, merged: Map, key: str, value: Any) -> None:
    if value is None:
        merged.pop(key, None)
        return
    field = _field_of(known, key)
    present = merged.get(key)
    if isinstance(value, dict):
        base = present if isinstance(present, dict) and "replace" not in field.patch_strategy else {}
        merged[key] = _merge_map(_fields_of(field.shape), base, value)
    elif isinstance(value, list) and "merge" in field.patch_strategy:
        base_list = present if isinstance(present, list) else []
        merged[key] = _merge_list(field, base_list, value)
    else:
        merged[key] = value


def _merge_list(field: Field, original: list[Any], patch: list[Any]) -> list[Any]:
    """The items of both; the patch's own order holds among those it names."""
    if field.shape.element and field.shape.element.form != "ref":
        added = [value for at, value in enumerate(patch) if value not in original and value not in patch[:at]]
        return _ordered(field, original + added, patch, original)
    if any(isinstance(item, dict) and item.get(PATCH) == "replace" for item in patch):
        return [item for item in patch if isinstance(item, dict) and PATCH not in item]
    merged = list(original)
    for item in patch:
        _merge_item(field, merged, item)
    return _ordered(field, merged, patch, original)


def _merge_item(field: Field, merged: list[Any], item: Any) -> None:
    """Deletes, merges into its namesake or appends one item of a list of maps."""
    if not isinstance(item, dict):
        raise bad_request(f"{field.name}: an item of the list is no object")
    value = _key_of(field, item)
    matching = [at for at, one in enumerate(merged) if isinstance(one, dict) and one.get(field.merge_key) == value]
    directive = item.get(PATCH)
    if directive == "delete":
        for at in reversed(matching):
            del merged[at]
        return
    if directive not in (None, "merge"):
        raise bad_request(f"unknown patch type: {directive} in map: {go_text(item)}")
    assert field.shape.element is not None
    known = _fields_of(field.shape.element)
    if matching:
        merged[matching[0]] = _merge_map(known, merged[matching[0]], item)
    else:
        merged.append(_merge_map(known, {}, item))


def _key_of(field: Field, item: Map) -> Any:
    if field.merge_key not in item:
        raise bad_request(f"map: {go_text(item)} does not contain declared merge key: {field.merge_key}")
    return item[field.merge_key]


def _direct_list(
    known: dict[str, Field] | Shape, merged: Map, directive: str, value: Any, patch: Map, original: Map
) -> None:
    """Obeys a directive about the list in the field that it names."""
    name = directive.partition("/")[2]
    present = merged.get(name)
    if not isinstance(value, list):
        raise bad_request(f"{directive}: must be a list")
    if not isinstance(present, list):
        return
    field = _field_of(known, name)
    if directive.startswith(DELETE_FROM):
        merged[name] = [item for item in present if item not in value]
    else:
        before = original.get(name)
        merged[name] = _ordered(field, present, value, before if isinstance(before, list) else [])


def _ordered(field: Field, items: list[Any], order: list[Any], before: list[Any]) -> list[Any]:
    """The items in the wanted order; those it does not name stay where they stood among the others."""

    def key(item: Any) -> Any:
        return item.get(field.merge_key) if field.merge_key and isinstance(item, dict) else item

    wanted = [key(item) for item in order]
    stood = [key(item) for item in before]
    named = sorted((item for item in items if key(item) in wanted), key=lambda item: wanted.index(key(item)))
    others = [item for item in items if key(item) not in wanted]
    result: list[Any] = []
    for item in named:
        if key(item) in stood:
            place = stood.index(key(item))
            while others and key(others[0]) in stood and stood.index(key(others[0])) < place:
                result.append(others.pop(0))
        result.append(item)
    return result + others


def go_text(value: Any) -> str:
    """`map[image:q]`, as Go prints a value read from JSON."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(go_text, value)) + "]"
    return (
        {None: "<nil>", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)
    )
