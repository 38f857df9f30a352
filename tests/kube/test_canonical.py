"""Every object that the reference answered is in canonical form: decoding it changes nothing."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kube import decoding, kinds

FACTS = Path(__file__).parents[1] / "facts"
FILES = [
    "access",
    "admission",
    "apply",
    "default-objects",
    "defaults",
    "errors",
    "lists",
    "patches",
    "services",
    "watches",
]
MICRO = {"renewTime", "acquireTime", "eventTime", "lastObservedTime"}
TIMES = {"time", "startedAt", "finishedAt"}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The whole objects of built-in kinds within a recorded answer, items of lists included."""
    if isinstance(value, dict):
        if str(value.get("kind", "")).endswith("List"):
            kind = {"apiVersion": value["apiVersion"], "kind": value["kind"].removesuffix("List")}
            value = value | {"items": [kind | item for item in value.get("items") or ()]}
        named = kinds.by_kind(str(value.get("apiVersion")), str(value.get("kind")))
        if named and isinstance(value.get("metadata"), dict) and "uid" in value["metadata"]:
            yield value
        for item in value.values():
            yield from objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from objects(item)


def filled(value: Any, key: str = "") -> Any:
    """The value with times and numbers where the recording has stars."""
    if isinstance(value, dict):
        return {name: filled(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [filled(item, key) for item in value]
    if value != "*":
        return value
    if key in MICRO:
        return "2026-01-02T03:04:05.000000Z"
    if key in ("nodePort", "healthCheckNodePort"):
        return 30000
    return "2026-01-02T03:04:05Z" if key in TIMES or key.endswith(("Time", "Timestamp")) else value


def answers(name: str) -> Iterator[dict[str, Any]]:
    for line in (FACTS / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield from objects([row.get("answer"), row.get("events")])


@pytest.mark.parametrize("name", FILES)
def test_a_recorded_object_is_canonical(name: str) -> None:
    for recorded in answers(name):
        obj = filled(recorded)
        assert decoding.recode(copy.deepcopy(obj), kinds.kind_of(obj), "Strict") == (obj, [])


def test_a_recorded_pod_status_is_canonical() -> None:
    for line in (FACTS / "pods.jsonl").read_text().splitlines():
        for event in json.loads(line).get("stream", ()):
            status = filled(event.get("status") or {})
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {}, "status": status}
            assert decoding.recode(copy.deepcopy(pod), kinds.kind_of(pod), "Strict") == (pod, [])
