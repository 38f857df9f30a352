"""What the server really answered, row by row, and one way through decoding, defaults, strategy and validation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kube import kinds
from kube.decoding import decode
from kube.errors import Cause
from kube.kinds import Kind
from master.api import strategies
from master.api.defaults import apply_defaults
from master.api.validation import validate_create

FACTS = Path(__file__).parents[2] / "facts"
UID = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class Created:
    kind: Kind
    object: dict[str, Any]
    causes: list[Cause]
    warnings: list[str]


def create(body: bytes, kind: Kind, namespace: str = "default") -> Created:
    """An object as a create would store it, but for admission and allocation."""
    obj, _ = decode(body, "application/json", kind, "Strict")
    meta = obj.setdefault("metadata", {})
    if kind.namespaced:
        meta["namespace"] = meta.get("namespace") or namespace
    meta |= {"uid": UID, "creationTimestamp": "2026-01-01T00:00:00Z"}
    apply_defaults(kind, obj)
    strategies.prepare_create(kind, obj)
    return Created(kind, obj, validate_create(kind, obj), strategies.warnings(kind, obj, None))


def recorded(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FACTS / f"{name}.jsonl").read_text().splitlines()]


def kind_of_path(path: str) -> Kind:
    """`/apis/apps/v1/namespaces/default/deployments?dryRun=All` → the row of Deployments."""
    steps = path.partition("?")[0].strip("/").split("/")
    group, version, rest = ("", steps[1], steps[2:]) if steps[0] == "api" else (steps[1], steps[2], steps[3:])
    plural = rest[2] if len(rest) > 2 and rest[0] == "namespaces" else rest[0]
    kind = kinds.by_resource(group, version, plural)
    assert kind is not None, path
    return kind


@pytest.fixture(scope="session")
def created() -> Callable[..., Created]:
    return create


@pytest.fixture(scope="session")
def facts() -> Callable[[str], list[dict[str, Any]]]:
    return recorded


@pytest.fixture(scope="session")
def kind_at() -> Callable[[str], Kind]:
    return kind_of_path
