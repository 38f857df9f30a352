"""ConfigMaps, Secrets and ServiceAccounts: data, its size and its keys."""

from __future__ import annotations

import base64
import binascii

import orjson

from kube import names
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object

MAXIMUM_SIZE = 1024 * 1024
FROZEN = "field is immutable when `immutable` is set"
# The keys a Secret of a type must have: every one of a row's sets needs one of its keys.
REQUIRED_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "kubernetes.io/tls": (("tls.crt",), ("tls.key",)),
    "kubernetes.io/ssh-auth": (("ssh-privatekey",),),
    "kubernetes.io/basic-auth": (("username", "password"),),
}
JSON_KEYS = {"kubernetes.io/dockercfg": ".dockercfg", "kubernetes.io/dockerconfigjson": ".dockerconfigjson"}
SERVICE_ACCOUNT = "kubernetes.io/service-account.name"


def _keys(data: dict[str, str], at: Path, out: Problems) -> None:
    for key in data:
        for detail in names.config_key(key):
            out.invalid(at[key], key, detail)


def config_map(obj: Object, out: Problems) -> None:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    _keys(data, ROOT / "data", out)
    for key in data:
        if key in binary:
            out.invalid((ROOT / "data")[key], key, "duplicate of key present in binaryData")
    _keys(binary, ROOT / "binaryData", out)
    if _size(data) + _decoded_size(binary) > MAXIMUM_SIZE:
        out.too_long(ROOT, MAXIMUM_SIZE)


def _size(data: dict[str, str]) -> int:
    return sum(len(value.encode()) for value in data.values() if value)


def _decoded_size(data: dict[str, str]) -> int:
    return sum(len(value) * 3 // 4 - value[-2:].count("=") for value in data.values() if value)


def secret(obj: Object, out: Problems) -> None:
    data, kind = obj.get("data") or {}, obj.get("type") or ""
    _keys(data, ROOT / "data", out)
    if _decoded_size(data) > MAXIMUM_SIZE:
        out.too_long(ROOT / "data", MAXIMUM_SIZE)
    if kind == "kubernetes.io/service-account-token":
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        if not annotations.get(SERVICE_ACCOUNT):
            out.required((ROOT / "metadata" / "annotations")[SERVICE_ACCOUNT])
    if key := JSON_KEYS.get(kind):
        _json(data, key, out)
    for alternatives in REQUIRED_KEYS.get(kind, ()):
        if not any(key in data for key in alternatives):
            for key in alternatives:
                out.required((ROOT / "data")[key])


def _json(data: dict[str, str], key: str, out: Problems) -> None:
    here = (ROOT / "data")[key]
    if key not in data:
        out.required(here)
        return
    try:
        orjson.loads(base64.b64decode(data[key] or ""))
    except (orjson.JSONDecodeError, binascii.Error) as error:
        out.invalid(here, "<secret contents redacted>", str(error))


# Updates


def _frozen(obj: Object, old: Object, out: Problems, names_of_data: tuple[str, ...]) -> None:
    if not old.get("immutable"):
        return
    if not obj.get("immutable"):
        out.forbidden(ROOT / "immutable", FROZEN)
    for name in names_of_data:
        if (obj.get(name) or {}) != (old.get(name) or {}):
            out.forbidden(ROOT / name, FROZEN)


def config_map_update(obj: Object, old: Object, out: Problems) -> None:
    _frozen(obj, old, out, ("data", "binaryData"))
    config_map(obj, out)


def secret_update(obj: Object, old: Object, out: Problems) -> None:
    if obj.get("type") != old.get("type"):
        out.invalid(ROOT / "type", obj.get("type"), "field is immutable")
    _frozen(obj, old, out, ("data",))
    secret(obj, out)
