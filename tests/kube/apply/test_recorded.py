"""Ownership and server-side apply, replayed against the answers of kube-apiserver 1.36."""

import json
from pathlib import Path
from typing import Any

import pytest

from kube import apply, decoding, kinds, patches
from kube.errors import ApiError
from kube.kinds import Kind

FACTS = Path(__file__).parents[2] / "facts"
NOW = "2026-01-02T03:04:05Z"

# What the server adds to a new object after its fields were counted, by kind: paths to remove from the recorded answer.
ADDED_LATER = {
    "Pod": ["spec.priority", "spec.preemptionPolicy", "spec.tolerations"],
    "Namespace": ["spec.finalizers"],
    "Service": ["spec.ipFamilies", "spec.clusterIP", "spec.clusterIPs", "spec.ipFamilyPolicy", "spec.ports.0.nodePort"],
    "PersistentVolume": ["metadata.finalizers"],
    "PersistentVolumeClaim": ["metadata.finalizers"],
    "Job": ["metadata.labels", "spec.selector", "spec.template.metadata"],
}


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FACTS / f"{name}.jsonl").read_text().splitlines()]


def recorded(obj: dict[str, Any]) -> dict[str, Any]:
    """A recorded object with times where the recording has stars."""
    return json.loads(json.dumps(obj).replace('"*"', json.dumps(NOW)))  # type: ignore[no-any-return]


def removed(obj: dict[str, Any], path: str, said: Any) -> None:
    """Removes what lies at a path unless the client said it."""
    *parents, last = path.split(".")
    for key in parents:
        obj = obj[int(key)] if isinstance(obj, list) else obj.get(key, {})
        said = said[int(key)] if isinstance(said, list) else (said or {}).get(key)
    if last not in (said or {}):
        obj.pop(last, None)


@pytest.mark.parametrize("row", [row for row in rows("defaults") if row["status"] == 201], ids=lambda row: row["name"])
def test_a_create_gives_its_fields_to_the_creator(row: dict[str, Any]) -> None:
    kind = kinds.kind_of(row["body"])
    obj = recorded(row["answer"])
    wanted = obj["metadata"].pop("managedFields", None)
    for path in ADDED_LATER.get(kind.kind, ()):
        removed(obj, path, row["body"])
    apply.track_update(kind, None, obj, "unknown", "", NOW)
    assert obj["metadata"].get("managedFields") == wanted


def kind_of(row: dict[str, Any]) -> Kind:
    found = kinds.by_kind(row["answer"]["apiVersion"], row["answer"]["kind"])
    return found or kinds.kind_of(row["body"])


def steps(name: str) -> list[Any]:
    """Each patch of a recorded sequence with the object it met."""
    found: list[Any] = []
    before: dict[str, dict[str, Any]] = {}
    for row in rows(name):
        place = row["path"].partition("?")[0].removesuffix("/status")
        if row["method"] == "PATCH" and not place.endswith("/scale"):
            found.append(pytest.param(row, before.get(place), id=row["name"]))
        if place.endswith("/scale") and row["method"] == "PATCH":
            place = place.removesuffix("/scale")
            before[place] = scaled(recorded(before[place]), row["body"]["spec"]["replicas"])
        elif row["answer"].get("kind") in ("ConfigMap", "Deployment", "Service"):
            before[place if row["method"] == "PATCH" else f"{place}/patched"] = row["answer"]
    return found


def scaled(live: dict[str, Any], replicas: int) -> dict[str, Any]:
    """The object after a write of its scale subresource, which carries no time."""
    new = {**live, "metadata": dict(live["metadata"]), "spec": live["spec"] | {"replicas": replicas}}
    apply.track_update(kinds.kind_of(live), live, new, "unknown", "scale", "")
    return new


DEFAULTED = {
    "resources",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "imagePullPolicy",
    "protocol",
    "targetPort",
}


def without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_defaults(item) for key, item in value.items() if key not in DEFAULTED and item}
    return [without_defaults(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("row", "before"), steps("apply"))
def test_a_recorded_apply(row: dict[str, Any], before: dict[str, Any] | None) -> None:
    if row["type"] != patches.APPLY_PATCH or row["name"] == "dep invalid":
        return  # another language, or refused by validation
    query = dict(pair.split("=") for pair in row["path"].partition("?")[2].split("&"))
    live = recorded(before) if before else None
    try:
        obj = apply.server_side_apply(
            kind_of(row), live, row["body"], query["fieldManager"], query["force"] == "true", NOW
        )
    except ApiError as error:
        status = error.to_status()
        # The reference answers 500 for a field it does not know.
        assert (status["message"], error.status) == (
            row["answer"]["message"],
            row["status"] if row["status"] != 500 else 400,
        )
        assert status.get("details") == row["answer"].get("details")
        return
    answer = recorded(row["answer"])
    assert obj["metadata"]["managedFields"] == answer["metadata"]["managedFields"]
    obj, _ = decoding.recode(obj, kind_of(row), "Strict")
    wanted = without_defaults({key: answer[key] for key in ("data", "spec") if key in answer})
    result = without_defaults({key: obj[key] for key in ("data", "spec") if key in obj})
    if before is None:
        assert contained(result, wanted)
    else:
        assert result == wanted


def contained(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and contained(item, whole[key]) for key, item in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(contained(one, other) for one, other in zip(part, whole, strict=True))
    return bool(part == whole)


@pytest.mark.parametrize(("row", "before"), steps("patches"))
def test_a_recorded_patch_moves_ownership(row: dict[str, Any], before: dict[str, Any] | None) -> None:
    if row["status"] != 200:
        return
    assert before
    live = recorded(before)
    new = patches.apply_patch(kind_of(row), live, json.dumps(row["body"]).encode(), row["type"])
    # The server's defaults come before the count: take them from its answer.
    answer = recorded(row["answer"])
    wanted = answer["metadata"].get("managedFields")
    new = {**answer, "metadata": {**answer["metadata"], "managedFields": new["metadata"].get("managedFields")}}
    subresource = "status" if row["path"].endswith("/status") else ""
    apply.track_update(kind_of(row), live, new, "unknown", subresource, NOW)
    assert new["metadata"].get("managedFields") == wanted
