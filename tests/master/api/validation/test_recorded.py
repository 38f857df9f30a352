"""Every recorded object, one damage away from a valid one: the same verdict, and the same causes in the same order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from kube.errors import ApiError

# Rows that hang on more than the object.
ELSEWHERE = {
    "Service 4: spec/ports twice": "two ports share a node port only after the allocation of addresses has chosen it",
    "ValidatingAdmissionPolicy 45: spec/validations/0/expression bad": "a CEL parser says whether an expression compiles",
}
# Of these the URL decides, which names another namespace than the object.
OTHER_NAMESPACE = "the namespace of the provided object does not match the namespace sent on the request"

Row = dict[str, Any]


def verdict(row: Row, created: Callable[..., Any], kind_at: Callable[[str], Any]) -> tuple[int, list[tuple[str, str]]]:
    kind = kind_at(row["path"])
    try:
        made = created(json.dumps(row["body"]).encode(), kind)
    except ApiError as error:
        return error.status, []
    return (422 if made.causes else 201), [(cause.reason, cause.field) for cause in made.causes]


def expected(row: Row) -> tuple[int, list[tuple[str, str]]]:
    if row["status"] != 422:
        return row["status"], []
    causes = row["answer"]["details"]["causes"]
    return 422, [(cause["reason"], cause.get("field", "")) for cause in causes]


def test_recorded_validation(
    facts: Callable[[str], list[Row]], created: Callable[..., Any], kind_at: Callable[[str], Any]
) -> None:
    agree: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    differ = set()
    for row in facts("validation"):
        if row["status"] == 400 and row["answer"]["message"] == OTHER_NAMESPACE:
            continue
        same = verdict(row, created, kind_at) == expected(row)
        share = agree[row["body"]["kind"]]
        share[0] += same
        share[1] += 1
        if not same:
            differ.add(row["name"])
    for kind, (right, total) in sorted(agree.items()):
        print(f"{kind:32} {right:4} of {total:4}")
    print(f"{'all':32} {sum(s[0] for s in agree.values()):4} of {sum(s[1] for s in agree.values()):4}")
    assert differ == set(ELSEWHERE)


def test_the_messages_are_the_servers(
    facts: Callable[[str], list[Row]], created: Callable[..., Any], kind_at: Callable[[str], Any]
) -> None:
    """But that an empty map or list, which is not kept, reads `null`."""
    for row in facts("validation"):
        if row["status"] != 422 or row["name"] in ELSEWHERE:
            continue
        made = created(json.dumps(row["body"]).encode(), kind_at(row["path"]))
        wanted = [cause["message"] for cause in row["answer"]["details"]["causes"]]
        for cause, message in zip(made.causes, wanted, strict=True):
            assert cause.message in {message, message.replace(": {}:", ": null:").replace(": []:", ": null:")}, row[
                "name"
            ]


def test_recorded_warnings(
    facts: Callable[[str], list[Row]], created: Callable[..., Any], kind_at: Callable[[str], Any]
) -> None:
    for row in facts("validation"):
        if row["status"] == 201:
            made = created(json.dumps(row["body"]).encode(), kind_at(row["path"]))
            headers = ['299 - "{}"'.format(text.replace('"', '\\"')) for text in made.warnings]
            assert headers == row.get("warnings", []), row["name"]
