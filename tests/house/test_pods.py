"""docs/pods.md says of every field of a pod spec what becomes of it."""

import re
from pathlib import Path

from kube import schemas

DOCS = Path(__file__).parents[2] / "docs/pods.md"
CORE = "io.k8s.api.core.v1."
STATES = {"honoured", "refused", "no effect", "elsewhere"}
ROW = re.compile(r"\| (\w+) \| ((?:`\w+` ?)+) \| ([\w ]+) \| .*\|$", re.MULTILINE)


def told():
    """(type, field) → state, for each field that the page names."""
    return {
        (kind, name): state
        for kind, names, state in ROW.findall(DOCS.read_text())
        for name in re.findall(r"\w+", names)
    }


def reached(states):
    """(type, field) of the schema from PodSpec on; what hangs below a field that is not honoured is not looked at."""
    waiting, found = ["PodSpec"], set()
    while waiting:
        kind = waiting.pop()
        for field in schemas.definition(CORE + kind).fields.values():
            if (kind, field.name) in found:
                continue
            found.add((kind, field.name))
            if states.get((kind, field.name)) == "honoured":
                waiting += [ref.removeprefix(CORE) for ref in references(field.shape) if ref.startswith(CORE)]
    return found


def references(shape):
    return [] if shape is None else [*([shape.ref] if shape.ref else []), *references(shape.element)]


def test_every_field_has_its_row_and_no_row_is_about_nothing():
    states = told()
    found = reached(states)
    assert {row for row in found if row not in states} == set()
    assert {row for row in states if row not in found} == set()
    assert set(states.values()) <= STATES
