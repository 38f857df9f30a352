"""Turns the body of a request into the canonical object, or into the 400 that kube-apiserver would answer.

    obj, warnings = decode(body, "application/json", kind, field_validation="Strict")

`field_validation` says what becomes of fields the schema does not know and of keys said twice: `Strict` refuses them,
`Warn` drops them with a warning each, `Ignore` drops them.  The object that comes out is in the form the API keeps: see
kube/decoding/coercion.py.  `recode` does the same for an object that did not come from a body, such as the result of a patch.
"""

from __future__ import annotations

from typing import Any

import orjson

from kube import kinds, protobuf, schemas
from kube.decoding import coercion, parsing, pruning
from kube.decoding.coercion import UnknownField
from kube.decoding.scalars import Mismatch, json_type
from kube.errors import ApiError, bad_request
from kube.kinds import Custom, Kind

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
ACCEPTED = (JSON, YAML, PROTOBUF)

# Bodies that are no resource of their own.
DELETE_OPTIONS = Kind("", "v1", "DeleteOptions", "", stored=False)
SCALE = Kind("autoscaling", "v1", "Scale", "", stored=False)
EVICTION = Kind("policy", "v1", "Eviction", "", stored=False)
TOKEN_REQUEST = Kind("authentication.k8s.io", "v1", "TokenRequest", "", stored=False)

SCHEME = "pkg/api/legacyscheme/scheme.go:30"
_HEADER = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'

Object = dict[str, Any]


def decode(body: bytes, content_type: str, kind: Kind, field_validation: str = "Warn") -> tuple[Object, list[str]]:
    """The object of a body and the warnings to send with the answer; ApiError 400 or 415."""
    media = content_type.partition(";")[0].strip().lower() or JSON
    if media == JSON:
        value, repeated = _read_json(body, kind, field_validation)
    elif media == YAML:
        value, repeated = _read_yaml(body, kind, field_validation)
    elif media == PROTOBUF:
        value, repeated = _read_protobuf(body, kind), []
    else:
        raise unsupported_media_type()
    header = check_header(value, body, kind)
    return _finish(value, kind, field_validation, repeated, header)


def recode(obj: Object, kind: Kind, field_validation: str = "Warn") -> tuple[Object, list[str]]:
    """As `decode`, for an object already read."""
    return _finish(obj, kind, field_validation, [], check_header(obj, b"", kind))


def unsupported_media_type() -> ApiError:
    accepted = ", ".join(ACCEPTED)
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - accepted media types include: {accepted}",
    )


def _read_json(body: bytes, kind: Kind, field_validation: str) -> tuple[Any, list[str]]:
    try:
        value = parsing.parse_json(body)
    except ValueError as error:
        raise _unrecognized(kind, str(error), body) from error
    return value, [] if field_validation == "Ignore" else repeated_fields(body, value)


def repeated_fields(body: bytes, value: Any) -> list[str]:
    """`duplicate field "spec.paused"`, for every key that a JSON text, which reads as `value`, says twice."""
    return [] if _each_key_once(body, value) else [f'duplicate field "{path}"' for path in pruning.duplicates(body)]


def _each_key_once(body: bytes, value: Any) -> bool:
    """A cheap test that clears nearly every body: as many keys came out as colons after a quote went in."""
    return body.count(b'":') == orjson.dumps(value).count(b'":')


def _read_yaml(body: bytes, kind: Kind, field_validation: str) -> tuple[Any, list[str]]:
    try:
        value = parsing.parse_yaml(body)
        repeated = [] if field_validation == "Ignore" else parsing.duplicate_yaml_keys(body)
    except ValueError as error:
        raise _unrecognized(kind, f"yaml parse error: {error}", body, "") from error
    return value, ["\n  ".join(["yaml: unmarshal errors:", *repeated])] if repeated else []


def _read_protobuf(body: bytes, kind: Kind) -> Object:
    try:
        api_version, name, raw = protobuf.type_of(body)
        header = check_header({"apiVersion": api_version, "kind": name}, body, kind)
        definition = schemas.name_of(kind.api_version, kind.kind)
        return dict(zip(("apiVersion", "kind"), header, strict=True)) | protobuf.read_message(definition, raw)
    except (ValueError, RecursionError) as error:
        complaint = parsing.TOO_DEEP if isinstance(error, RecursionError) else str(error)
        raise bad_request(f"unable to decode the body as a {kind.kind}: {complaint}") from error


def check_header(value: Any, body: bytes, kind: Kind) -> tuple[str, str]:
    """The apiVersion and kind a body names, its own where it says none; ApiError when they are others' or no text."""
    if value is None:
        return kind.api_version, kind.kind
    if not isinstance(value, dict):
        complaint = f"json: cannot unmarshal {json_type(value)} into Go value of type {_HEADER}"
        raise _unrecognized(kind, complaint, body)
    api_version, name = value.get("apiVersion") or kind.api_version, value.get("kind") or kind.kind
    for field, text in (("apiVersion", api_version), ("kind", name)):
        if not isinstance(text, str):
            found = json_type(text)
            complaint = f"json: cannot unmarshal {found} into Go struct field .{field} of type string"
            raise _unrecognized(kind, complaint, body)
    if (api_version, name) != (kind.api_version, kind.kind) and not name == kind.kind == "DeleteOptions":
        raise _other_kind(api_version, name, kind)
    return api_version, name


def _unrecognized(kind: Kind, complaint: str, body: bytes, source: str = "json parse error: ") -> ApiError:
    return bad_request(
        f"the object provided is unrecognized (must be of type {kind.kind}): couldn't get version/kind; "
        f"{source}{complaint} ({_excerpt(body)})"
    )


def _excerpt(body: bytes) -> str:
    """The start of a body as an error shows it: an object as text, anything else in hexadecimal digits."""
    if not body:
        return "<empty>"
    if body.lstrip()[:1] != b"{":
        return body[:1024].hex()
    text = body.decode("utf-8", "replace")
    return text if len(text) <= 30 else text[:30] + " ..."


def _other_kind(api_version: str, name: str, kind: Kind) -> ApiError:
    version = api_version.rpartition("/")[2]
    prefix = f'{name} in version "{version}" cannot be handled as a {kind.kind}: '
    other = kinds.by_kind(api_version, name)
    if other is None:
        return bad_request(f'{prefix}no kind "{name}" is registered for version "{api_version}" in scheme "{SCHEME}"')
    if other.kind == kind.kind:
        return bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({kind.api_version})"
        )
    internal = kind.group.partition(".")[0] or "core"
    return bad_request(f"{prefix}converting ({version}.{name}) to ({internal}.{kind.kind}): unknown conversion")


def _finish(
    value: Any, kind: Kind, field_validation: str, repeated: list[str], header: tuple[str, str]
) -> tuple[Object, list[str]]:
    api_version, name = header
    obj: Object = value if value is not None else {}
    obj["apiVersion"], obj["kind"] = api_version, name
    prefix = f'{name} in version "{api_version.rpartition("/")[2]}" cannot be handled as a {kind.kind}: '
    try:
        obj, unknown = _coerced(obj, kind)
    except (Mismatch, ValueError) as error:
        raise bad_request(prefix + (error.text if isinstance(error, Mismatch) else str(error))) from error
    complaints = repeated + [f'unknown field "{path}"' for path in unknown]
    if complaints and field_validation == "Strict":
        raise bad_request(f"{prefix}strict decoding error: {', '.join(complaints)}")
    return obj, [] if field_validation == "Ignore" else complaints


def _coerced(obj: Object, kind: Kind) -> tuple[Object, list[str]]:
    """The canonical object and the paths of the fields dropped from it."""
    if kind.custom is not None:
        return _custom(obj, kind.custom)
    definition = schemas.name_of(kind.api_version, kind.kind)
    try:
        return coercion.coerce(definition, obj), []
    except UnknownField:
        unknown = pruning.prune(definition, obj)
        return coercion.coerce(definition, obj), unknown


def _custom(obj: Object, custom: Custom) -> tuple[Object, list[str]]:
    """A custom resource: its metadata as every object's, the rest by its definition's schema."""
    metadata = obj.get("metadata")
    unknown: list[str] = []
    if metadata is not None:
        try:
            obj["metadata"] = coercion.coerce(schemas.OBJECT_META, metadata)
        except UnknownField:
            unknown = pruning.prune(schemas.OBJECT_META, metadata, "metadata")
            obj["metadata"] = coercion.coerce(schemas.OBJECT_META, metadata)
    return obj, unknown + custom.prune(obj)
