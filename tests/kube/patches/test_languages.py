"""Each patch language by its rules: tables of cases, and properties that hold for any patch."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import kinds, patches
from kube.errors import ApiError
from kube.kinds import Kind

PODS = kinds.by_resource("", "v1", "pods")
SERVICES = kinds.by_resource("", "v1", "services")


def patched(obj: Any, patch: Any, language: str = patches.STRATEGIC_PATCH) -> Any:
    assert PODS
    return patches.apply_patch(PODS, obj, json.dumps(patch).encode(), language)


def pod(**spec: Any) -> dict[str, Any]:
    return {"spec": spec}


@pytest.mark.parametrize(
    ("obj", "patch", "result"),
    [
        # The examples of RFC 7386, appendix A, that patch an object by an object.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(obj: Any, patch: Any, result: Any) -> None:
    assert patched(obj, patch, patches.MERGE_PATCH) == result


@pytest.mark.parametrize(
    ("obj", "patch", "result"),
    [
        pytest.param(
            pod(tolerations=[{"key": "a"}, {"key": "b"}]),
            pod(tolerations=[{"key": "c"}]),
            pod(tolerations=[{"key": "c"}]),
            id="a list without a key is replaced",
        ),
        pytest.param(
            pod(containers=[{"name": "a", "image": "1"}, {"name": "b"}]),
            pod(containers=[{"name": "a", "tty": True}]),
            pod(containers=[{"name": "a", "image": "1", "tty": True}, {"name": "b"}]),
            id="items merge by key",
        ),
        pytest.param(
            pod(containers=[{"name": "a"}, {"name": "b"}]),
            pod(containers=[{"$patch": "replace"}, {"name": "c"}]),
            pod(containers=[{"name": "c"}]),
            id="a list is replaced by directive",
        ),
        pytest.param(
            pod(containers=[{"name": "a"}, {"name": "b"}]),
            pod(containers=[{"$patch": "delete", "name": "a"}, {"$patch": "delete", "name": "none"}]),
            pod(containers=[{"name": "b"}]),
            id="items are deleted by key",
        ),
        pytest.param(
            pod(containers=[{"name": "a"}, {"name": "b"}, {"name": "c"}]),
            {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}},
            pod(containers=[{"name": "b"}, {"name": "c"}, {"name": "a"}]),
            id="order alone",
        ),
        pytest.param(
            pod(nodeSelector={"a": "1", "b": "2"}),
            pod(nodeSelector={"$patch": "replace", "c": "3"}),
            pod(nodeSelector={"c": "3"}),
            id="a map is replaced by directive",
        ),
        pytest.param(
            pod(nodeSelector={"a": "1"}),
            pod(nodeSelector={"$patch": "delete"}),
            pod(nodeSelector={}),
            id="a map is emptied by directive",
        ),
        pytest.param(
            pod(volumes=[{"name": "v", "emptyDir": {}}]),
            pod(volumes=[{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]),
            pod(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
            id="a union keeps only what is retained",
        ),
        pytest.param(
            {"metadata": {"finalizers": ["a", "b"]}},
            {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}},
            {"metadata": {"finalizers": ["c", "b"]}},
            id="texts are deleted and added",
        ),
        pytest.param(
            pod(containers=None),
            pod(containers=[{"name": "a", "env": None}]),
            pod(containers=[{"name": "a"}]),
            id="new",
        ),
    ],
)
def test_strategic_merge_patch(obj: Any, patch: Any, result: Any) -> None:
    assert patched(obj, patch) == result


@pytest.mark.parametrize(
    "patch",
    [
        [],
        1,
        {"spec": {"$patch": "explode"}},
        {"spec": {"containers": [{"image": "x"}]}},
        {"spec": {"containers": ["x"]}},
        {"spec": {"containers": [{"name": "a", "$patch": 5}]}},
        {"spec": {"strategy": {"$retainKeys": ["a"], "b": 1}}},
        {"metadata": {"$setElementOrder/finalizers": 1}},
    ],
)
def test_a_strategic_patch_that_contradicts_itself_is_refused(patch: Any) -> None:
    with pytest.raises(ApiError) as caught:
        patched({"metadata": {"finalizers": ["a"]}, "spec": {"containers": [{"name": "a"}]}}, patch)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ({}, 400),
        ([1], 422),
        ([{"op": "copy", "from": 5, "path": "/a"}], 422),
        ([{"op": "add", "path": "/a/b/c", "value": 1}], 422),
        ([{"op": "replace", "path": "", "value": 1}], 422),
        ([{"op": "test", "path": "/a"}], 422),
        ([{"op": "add", "path": "a", "value": 1}], 422),
        ([{"op": "remove", "path": "/a/9"}], 422),
        ([{"op": "add", "path": "/z", "value": {}}] * 10_001, 413),
        ([{"op": "copy", "from": "", "path": f"/z{at}"} for at in range(60)], 413),
        ([{"op": "copy", "from": "", "path": "/z"}] * 1000, 422),
    ],
)
def test_a_bad_json_patch_is_refused(operations: Any, status: int) -> None:
    with pytest.raises(ApiError) as caught:
        patched({"a": [1], "b": "x" * 50}, operations, patches.JSON_PATCH)
    assert caught.value.status == status


def test_parts_copied_by_a_json_patch_are_apart() -> None:
    operations = [{"op": "copy", "from": "/a", "path": "/b"}, {"op": "add", "path": "/b/x", "value": 1}]
    assert patched({"a": {}}, operations, patches.JSON_PATCH) == {"a": {}, "b": {"x": 1}}


@pytest.mark.parametrize("language", [patches.JSON_PATCH, patches.MERGE_PATCH, patches.STRATEGIC_PATCH])
@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"[" * 5000, b'{"a":' * 900 + b"1" + b"}" * 900, b"NaN"])
def test_what_is_no_json_is_refused(language: str, body: bytes) -> None:
    assert PODS
    try:
        patches.apply_patch(PODS, {}, body, language)
    except ApiError as error:
        assert error.status in (400, 422)


def test_another_language_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        patched({}, {}, "application/json")
    assert caught.value.status == 415


def test_custom_resources_have_no_strategic_patch() -> None:
    boats = Kind("example.com", "v1", "Boat", "boats")
    with pytest.raises(ApiError, match="application/apply-patch\\+yaml$") as caught:
        patches.apply_patch(boats, {}, b"{}", patches.STRATEGIC_PATCH)
    assert caught.value.status == 415


NAMES = st.sampled_from("abcd")
CONTAINERS = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"image": NAMES, "tty": st.booleans()}),
    max_size=4,
    unique_by=lambda item: item["name"],
)
OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {}, optional={"labels": st.dictionaries(NAMES, NAMES), "finalizers": st.lists(NAMES, unique=True)}
        ),
        "spec": st.fixed_dictionaries({}, optional={"containers": CONTAINERS, "hostname": NAMES | st.none()}),
    },
)


@given(OBJECTS, OBJECTS)
def test_a_strategic_patch_applied_twice_changes_nothing_more(obj: Any, patch: Any) -> None:
    once = patched(obj, patch)
    assert patched(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_the_object_patched_is_left_as_it_was(obj: Any, patch: Any) -> None:
    before = json.dumps(obj)
    for language in (patches.STRATEGIC_PATCH, patches.MERGE_PATCH):
        patched(obj, patch, language)
    assert json.dumps(obj) == before


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab$/~-", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab$", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, JSON_VALUES, max_size=3), JSON_VALUES)
def test_no_patch_breaks_a_language(obj: Any, patch: Any) -> None:
    for language in (patches.JSON_PATCH, patches.MERGE_PATCH, patches.STRATEGIC_PATCH):
        try:
            patched({"metadata": obj, "spec": obj}, patch, language)
            patched({"metadata": obj, "spec": obj}, {"spec": {"containers": [patch]}, "metadata": patch}, language)
        except ApiError as error:
            assert error.status in (400, 422)


OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
            "path": st.text("/ab-0", max_size=5),
        },
        optional={"value": JSON_VALUES, "from": st.text("/ab", max_size=4)},
    ),
    max_size=4,
)


@given(st.dictionaries(NAMES, JSON_VALUES, max_size=3), OPERATIONS)
def test_no_operations_break_json_patch(obj: Any, operations: Any) -> None:
    try:
        patched(obj, operations, patches.JSON_PATCH)
    except ApiError as error:
        assert error.status in (400, 422)
