"""Decoding, replayed against the answers of kube-apiserver 1.36."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kube import kinds
from kube.decoding import decode
from kube.errors import ApiError
from kube.kinds import Kind

FACTS = Path(__file__).parents[1] / "facts"
# Refused later than decoding: by the registry, which knows the request's namespace and name.
NOT_DECODING = re.compile(
    "the (namespace|name) of the (provided )?object|field label|managedFields must be nil|strconv|resource version"
)


def recorded(*files: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for name in files for line in (FACTS / f"{name}.jsonl").read_text().splitlines()]
    return [row for row in rows if row["method"] == "POST" and "body" in row and kind_of(row)]


def kind_of(row: dict[str, Any]) -> Kind | None:
    path = row["path"].partition("?")[0].strip("/").split("/")
    group, version, rest = ("", path[1], path[2:]) if path[0] == "api" else (path[1], path[2], path[3:])
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return kinds.by_resource(group, version, rest[0]) if len(rest) == 1 else None


def decoded(row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kind = kind_of(row)
    assert kind is not None
    body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
    validation = re.search("fieldValidation=([A-Z][a-z]+)", row["path"])
    return decode(body.encode(), row["type"], kind, validation[1] if validation else "Warn")


REFUSED = [
    row
    for row in recorded("validation", "errors")
    if row["status"] == 400
    and not NOT_DECODING.match(row["answer"]["message"])
    and not row["name"].startswith(("deep", "bad field validation"))
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["name"])
def test_a_refused_body_is_refused_in_the_same_words(row: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        decoded(row)
    assert caught.value.to_status() == row["answer"]
