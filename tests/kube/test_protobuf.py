"""Protobuf: what goes out comes back, bytes known from the wire are read, and no bytes break the reader."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import decoding, kinds, protobuf
from kube.errors import ApiError

FACTS = Path(__file__).parents[1] / "facts"
ROWS = [json.loads(line) for line in (FACTS / "defaults.jsonl").read_text().splitlines()]
POD = kinds.by_resource("", "v1", "pods")
NAMESPACE = kinds.by_resource("", "v1", "namespaces")


def dated(value: Any) -> Any:
    """A recorded object with real times where the recording has stars."""
    if isinstance(value, dict):
        stars = {key: "2026-01-02T03:04:05Z" for key, item in value.items() if item == "*" and "ime" in key}
        return {key: dated(item) for key, item in value.items()} | stars
    return [dated(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("row", [row for row in ROWS if row["status"] == 201], ids=lambda row: row["name"])
@pytest.mark.parametrize("part", ["body", "answer"])
def test_an_object_survives_the_way_there_and_back(row: dict[str, Any], part: str) -> None:
    kind = kinds.kind_of(row["body"])
    obj, _ = decoding.recode(dated(row[part]), kind)
    for claim in obj.get("spec", {}).get("volumeClaimTemplates", ()):
        # The message has no room for the type of an embedded object.
        claim.pop("apiVersion", None), claim.pop("kind", None)
    again, warnings = decoding.decode(protobuf.encode_protobuf(obj), decoding.PROTOBUF, kind, "Strict")
    assert again == obj
    assert warnings == []


def test_a_namespace_as_a_go_client_sends_it() -> None:
    body = (
        b"k8s\x00\x0a\x0f\x0a\x02v1\x12\x09Namespace"
        b"\x12\x21\x0a\x1b\x0a\x04demo\x12\x00\x1a\x00\x22\x00\x2a\x00\x32\x00\x38\x00\x42\x00\x5a\x05\x0a\x01a\x12\x00"
        b"\x12\x00\x1a\x00\x1a\x00\x22\x00"
    )
    assert NAMESPACE
    obj, _ = decoding.decode(body, decoding.PROTOBUF, NAMESPACE)
    assert obj == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "demo", "labels": {"a": ""}},
        "spec": {},
        "status": {},
    }


def test_zeros_that_go_always_writes_are_left_out() -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"hostNetwork": False, "containers": [{"name": "c", "tty": False}]},
    }
    assert POD
    obj, _ = decoding.decode(protobuf.encode_protobuf(body), decoding.PROTOBUF, POD)
    assert obj["spec"] == {"containers": [{"name": "c", "resources": {}}]}


def test_delete_options_and_lists_and_statuses() -> None:
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": "u"}}
    assert decoding.decode(protobuf.encode_protobuf(options), decoding.PROTOBUF, decoding.DELETE_OPTIONS) == (
        options,
        [],
    )
    pods = {
        "apiVersion": "v1",
        "kind": "PodList",
        "metadata": {"resourceVersion": "5"},
        "items": [{"metadata": {"name": "a"}}],
    }
    _, kind, raw = protobuf.type_of(protobuf.encode_protobuf(pods))
    assert (kind, raw) == ("PodList", b"\x0a\x03\x12\x015\x12\x05\x0a\x03\x0a\x01a")
    status = ApiError(404, "NotFound", "gone").to_status()
    assert protobuf.decode_protobuf(protobuf.encode_protobuf(status)) == status | {"details": {}}


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    assert POD
    for body in (data, protobuf.MAGIC + data, protobuf.MAGIC + b"\x0a\x09\x0a\x02v1\x12\x03Pod\x12" + data):
        try:
            decoding.decode(body, decoding.PROTOBUF, POD)
        except ApiError as error:
            assert error.status == 400
