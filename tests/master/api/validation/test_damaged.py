"""Whatever decodes can be judged: one damage at every place of every recorded object, and never an exception."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kube.decoding import decode
from kube.errors import ApiError
from kube.kinds import Kind
from master.api import strategies
from master.api.defaults import apply_defaults
from master.api.validation import validate_update

Object = dict[str, Any]

GONE = object()
DAMAGES: tuple[Any, ...] = (None, "", "Bad_Value!/..", [], {}, -1, 70000, "x", True, [None], ["x", "x"], "200%", GONE)
# Of all damages, every so manieth, so that a test takes a second.
STEP = 3

Steps = tuple[Any, ...]


def places(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """The way to everything inside an object, but for what it is."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        if steps or step not in ("apiVersion", "kind"):
            yield (*steps, step)
            yield from places(inner, (*steps, step))


def damaged(body: Object, steps: Steps, damage: Any) -> Object:
    result = copy.deepcopy(body)
    found: Any = result
    for step in steps[:-1]:
        found = found[step]
    if damage is GONE:
        del found[steps[-1]]
    else:
        found[steps[-1]] = damage
    return result


@pytest.fixture(scope="module")
def cases(facts: Callable[[str], list[Object]], kind_at: Callable[[str], Kind]) -> list[tuple[Object, Kind, bytes]]:
    """Each a good body, its kind, and the body with one damage."""
    rows = [(row["body"], kind_at(row["path"])) for row in facts("defaults")]
    every = [(body, kind, steps, damage) for body, kind in rows for steps in places(body) for damage in DAMAGES]
    return [
        (body, kind, json.dumps(damaged(body, steps, damage)).encode()) for body, kind, steps, damage in every[::STEP]
    ]


def test_every_creation_has_a_verdict(cases: list[tuple[Object, Kind, bytes]], created: Callable[..., Any]) -> None:
    verdicts: Counter[int] = Counter()
    for _, kind, body in cases:
        try:
            verdicts[422 if created(body, kind).causes else 201] += 1
        except ApiError as error:
            verdicts[error.status] += 1
    assert verdicts.keys() == {201, 400, 422}


@pytest.mark.parametrize("subresource", ["", "status", "approval", "ephemeralcontainers", "resize"])
def test_every_update_has_a_verdict(
    cases: list[tuple[Object, Kind, bytes]], created: Callable[..., Any], subresource: str
) -> None:
    verdicts: Counter[int] = Counter()
    apart = [case for case in cases[::STEP] if not subresource or case[1].subresource(subresource)]
    for good, kind, body in apart:
        old = created(json.dumps(good).encode(), kind).object
        try:
            new, _ = decode(body, "application/json", kind, "Strict")
        except ApiError as error:
            verdicts[error.status] += 1
            continue
        if not subresource:
            apply_defaults(kind, new)
        strategies.prepare_update(kind, new, old, subresource)
        verdicts[422 if validate_update(kind, new, old, subresource) else 200] += 1
    assert verdicts.keys() >= {200, 400}
