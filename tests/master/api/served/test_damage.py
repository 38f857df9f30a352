"""Damaged bodies, patches and options: refused with a Status, never a fault of the server's own."""

import random

import orjson
import pytest

ROUNDS = 300
VALUES = [None, True, 0, -1, 2**62, 1e308, "", "x", "a/b", [], {}, [None], [{}], {"a": None}, [[]], ["x"], {"name": 1}]
PATHS = ["/spec", "/metadata", "/metadata/labels/x", "", "/x/-", "/spec/0", 3]
OPTIONS = {
    "kind": "DeleteOptions",
    "apiVersion": "v1",
    "gracePeriodSeconds": 0,
    "preconditions": {"uid": "x"},
    "propagationPolicy": "Orphan",
    "dryRun": ["All"],
}


def damaged(obj, dice):
    """A copy with one to three values somewhere in it replaced by others."""
    copy = orjson.loads(orjson.dumps(obj))
    for _ in range(dice.randint(1, 3)):
        place, key, found = None, None, copy
        while isinstance(found, dict | list) and found and dice.random() < 0.85:
            place, key = found, dice.choice(list(found) if isinstance(found, dict) else range(len(found)))
            found = place[key]
        if place is not None:
            place[key] = orjson.loads(orjson.dumps(dice.choice(VALUES)))
    return copy


def patches(made, body, dice):
    yield "application/merge-patch+json", damaged(made, dice)
    yield "application/strategic-merge-patch+json", damaged(made, dice)
    yield "application/apply-patch+yaml", damaged(body, dice)
    operation = dice.choice(["add", "replace", "remove", "test", "move", "copy", 1])
    step = {"op": operation, "path": dice.choice(PATHS), "value": dice.choice(VALUES), "from": "/spec"}
    yield "application/json-patch+json", [step]


@pytest.mark.parametrize("seed", [1, 2])
async def test_damage_is_refused_and_never_a_fault(api, recording, seed):
    dice = random.Random(seed)
    rows = [row for row in recording("defaults") if "review" not in row["path"]]
    faults = []

    async def ask(method, path, body, media):
        status, answer, _ = await api.ask(method, path, body, media)
        if status >= 500:
            faults.append((method, path, body, answer))
        return status, answer

    await api.namespace("default")
    for _ in range(ROUNDS):
        row = dice.choice(rows)
        path, body = row["path"].partition("?")[0], row["body"]
        status, made = await ask("POST", path, damaged(body, dice), "application/json")
        if status != 201:
            continue
        one = f"{path}/{made['metadata']['name']}"
        for media, patch in patches(made, body, dice):
            await ask("PATCH", f"{one}?fieldManager=f", patch, media)
        await ask("DELETE", one, damaged(OPTIONS, dice), "application/json")
        await ask("DELETE", f"{one}?gracePeriodSeconds=0", None, "")
    assert not faults, faults[:3]
