"""The recorded sequence of patches on one Deployment: the languages, without the server around them."""

import json
from pathlib import Path
from typing import Any

import pytest

from kube import kinds, patches
from kube.errors import ApiError

FACTS = Path(__file__).parents[2] / "facts"
DEPLOYMENTS = kinds.by_resource("apps", "v1", "deployments")


def steps() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, the object before, and the row, of each patch of the object itself."""
    found, before = [], {}
    for line in (FACTS / "patches.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["method"] == "PATCH" and row["path"].endswith("/patched"):
            found.append((row["name"], before, row))
        if row["answer"].get("kind") == "Deployment":
            before = row["answer"]
    return found


def specified(obj: dict[str, Any]) -> dict[str, Any]:
    """What a patch says, without what the server keeps about it and fills in."""
    meta = {key: obj["metadata"][key] for key in ("labels", "annotations", "finalizers") if key in obj["metadata"]}
    return {"metadata": meta, "spec": obj["spec"]}


# The server refuses these for what they say, or changes what they leave open (defaults of added containers, strategies).
LATER = {"selector immutable", "conflict"}
DEFAULTED = {
    "resources",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "protocol",
    "rollingUpdate",
}


def without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_defaults(item) for key, item in value.items() if key not in DEFAULTED and item != ""}
    return [without_defaults(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "before", "row"), steps(), ids=[step[0] for step in steps()])
def test_a_recorded_patch(name: str, before: dict[str, Any], row: dict[str, Any]) -> None:
    assert DEPLOYMENTS
    body = json.dumps(row["body"]).encode()
    if row["status"] in (400, 422, 500) and name not in LATER:
        with pytest.raises(ApiError) as caught:
            patches.apply_patch(DEPLOYMENTS, before, body, row["type"])
        assert caught.value.message == row["answer"]["message"]
        # The reference answers 500 where the fault is the patch's.
        assert caught.value.status == (row["status"] if row["status"] != 500 else 400)
        return
    patched = patches.apply_patch(DEPLOYMENTS, before, body, row["type"])
    if name not in LATER:
        assert without_defaults(specified(patched)) == without_defaults(specified(row["answer"]))
