"""The files of configMap, secret, downwardAPI and projected volumes.  Pure, given the objects and tokens they name."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.pods.environment import ConfigError, Surroundings, field_value, resource_value
from agent.pods.security import common_user

DEFAULT_MODE = 0o644
OWN = 0o600
Volume = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    content: bytes
    mode: int = DEFAULT_MODE
    owner: int | None = None


Payload = dict[str, File]
"""Path in the volume → file."""


class Missing(Exception):
    """What the volume is made of is not there."""


@dataclass(frozen=True, slots=True)
class TokenAsked:
    """A service account's token as a volume asks for it."""

    audience: str
    seconds: int


def tokens_asked(volume: Volume) -> list[TokenAsked]:
    sources = (volume.get("projected") or {}).get("sources") or ()
    return [token_asked(source["serviceAccountToken"]) for source in sources if "serviceAccountToken" in source]


def token_asked(source: Mapping[str, Any]) -> TokenAsked:
    return TokenAsked(source.get("audience") or "", int(source.get("expirationSeconds") or 3600))


def payload(volume: Volume, pod: Mapping[str, Any], around: Surroundings, tokens: Mapping[TokenAsked, str]) -> Payload:
    """Everything the volume holds; Missing names what it lacks."""
    for kind in ("configMap", "secret", "downwardAPI"):
        if kind in volume:
            return _one(kind, volume[kind] or {}, pod, around)
    projected = volume["projected"]
    mode = _mode(projected)
    files: Payload = {}
    for source in projected.get("sources") or ():
        for kind, given in source.items():
            if kind == "serviceAccountToken":
                files[given["path"]] = _token(tokens[token_asked(given)], pod, mode)
            else:
                files |= _one(kind, given, pod, around, mode)
    return files


def _token(text: str, pod: Mapping[str, Any], mode: int) -> File:
    """For the one user that the pod runs as, where there is one, or for its group: then nobody else may read it."""
    user = common_user(pod)
    grouped = (pod["spec"].get("securityContext") or {}).get("fsGroup") is not None
    return File(text.encode(), OWN if grouped or user is not None else mode, user)


def _one(kind: str, source: Mapping[str, Any], pod: Any, around: Surroundings, mode: int | None = None) -> Payload:
    mode = _mode(source) if mode is None else mode
    if kind == "downwardAPI":
        return {item["path"]: _told(item, pod, around, mode) for item in source.get("items") or ()}
    name = source.get("secretName") or source.get("name") or ""
    found = around.objects.get(("ConfigMap" if kind == "configMap" else "Secret", name))
    if found is None:
        if source.get("optional"):
            return {}
        raise Missing(f'{kind.lower()} "{name}" not found')
    return _chosen(kind, name, source, _contents(kind, found), mode)


def _chosen(kind: str, name: str, source: Mapping[str, Any], data: Mapping[str, bytes], mode: int) -> Payload:
    items = source.get("items")
    if not items:
        return {key: File(content, mode) for key, content in data.items()}
    files = {}
    for item in items:
        if item["key"] in data:
            files[item["path"]] = File(data[item["key"]], _item_mode(item, mode))
        elif not source.get("optional"):
            word = "config" if kind == "configMap" else kind
            raise Missing(f"references non-existent {word} key: {item['key']}")
    return files


def _contents(kind: str, found: Mapping[str, Any]) -> dict[str, bytes]:
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}


def _told(item: Mapping[str, Any], pod: Any, around: Surroundings, mode: int) -> File:
    try:
        if "fieldRef" in item:
            text = field_value(pod, item["fieldRef"]["fieldPath"], around)
        else:
            text = resource_value(pod, item["resourceFieldRef"], None, around)
    except ConfigError as error:
        raise Missing(str(error)) from error
    return File(text.encode(), _item_mode(item, mode))


def _item_mode(item: Mapping[str, Any], mode: int) -> int:
    return mode if item.get("mode") is None else int(item["mode"])


def _mode(source: Mapping[str, Any]) -> int:
    given = source.get("defaultMode")
    return DEFAULT_MODE if given is None else int(given)
