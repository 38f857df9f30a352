"""Server-side apply by its rules: conflicts, forgetting, order, custom resources; and what holds for any configuration."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import apply, kinds
from kube.apply.types import SchemaError, by_keys
from kube.errors import ApiError
from kube.kinds import Kind, Subresource

FACTS = Path(__file__).parents[2] / "facts"
NOW, LATER = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}


def found(group: str, plural: str) -> Kind:
    kind = kinds.by_resource(group, "v1", plural)
    assert kind
    return kind


DEPLOYMENTS, CONFIG_MAPS, PODS = found("apps", "deployments"), found("", "configmaps"), found("", "pods")


def deployment(replicas: int | None = None, **containers: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = {} if replicas is None else {"replicas": replicas}
    if containers:
        spec["template"] = {"spec": {"containers": [{"name": name} | more for name, more in containers.items()]}}
    return copy.deepcopy(DEPLOYMENT) | {"spec": spec}


def applied(live: Any, configuration: Any, manager: str = "m", force: bool = False, now: str = NOW) -> Any:
    return apply.server_side_apply(DEPLOYMENTS, live, configuration, manager, force, now)


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", ())}


def test_a_conflict_names_every_manager_and_field() -> None:
    live = applied(None, deployment(2, a={"image": "i:1"}), "x")
    changed = copy.deepcopy(live) | {"status": {}}
    changed["spec"]["paused"] = True
    apply.track_update(DEPLOYMENTS, live, changed, "ed", "", LATER)
    wanted = deployment(3, a={"image": "i:2"})
    wanted["spec"]["paused"] = False
    with pytest.raises(ApiError) as caught:
        applied(changed, wanted, "y")
    assert caught.value.message == (
        f'Apply failed with 3 conflicts: conflict with "ed" using apps/v1 at {LATER}: .spec.paused\n'
        'conflicts with "x":\n- .spec.replicas\n- .spec.template.spec.containers[name="a"].image'
    )
    assert [cause.field for cause in caught.value.causes] == [
        ".spec.paused",
        ".spec.replicas",
        '.spec.template.spec.containers[name="a"].image',
    ]
    assert owners(applied(changed, wanted, "y", force=True)).keys() == {"x", "y"}


def test_a_struct_given_up_goes_with_its_defaults() -> None:
    live = applied(None, deployment(a={"livenessProbe": {"exec": {"command": ["true"]}}}))
    live["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] = 10
    assert applied(live, deployment(a={}))["spec"]["template"]["spec"]["containers"] == [{"name": "a"}]


def test_an_item_given_up_stays_where_another_owns_part_of_it() -> None:
    live = applied(None, deployment(a={"image": "i", "tty": True}), "x")
    live = applied(live, deployment(a={"image": "i"}), "y")
    assert applied(live, deployment(), "x")["spec"]["template"]["spec"]["containers"] == [{"name": "a", "image": "i"}]


@pytest.mark.parametrize(
    ("live", "wanted", "order"),
    [
        ("abc", "ca", "bca"),
        ("ab", "xb", "axb"),
        ("a", "b", "ab"),
        ("ab", "ba", "ba"),
        ("", "ba", "ba"),
        ("abcd", "dxa", "bcdxa"),
    ],
)
def test_the_applied_order_holds(live: str, wanted: str, order: str) -> None:
    before = deployment(**{name: {} for name in live})
    merged = applied(before, deployment(**{name: {} for name in wanted}))
    assert "".join(item["name"] for item in merged["spec"]["template"]["spec"]["containers"]) == order


def test_an_object_written_without_tracking_has_an_owner_before_the_first_apply() -> None:
    live = deployment(2)
    assert owners(applied(live, deployment(2))) == {
        "m": {"f:spec": {"f:replicas": {}}},
        "before-first-apply": {"f:spec": {".": {}, "f:replicas": {}}},
    }


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ({"spec": {"junk": 1}}, ".spec.junk: field not declared in schema"),
        ({"spec": 5}, ".spec: expected map, got 5"),
        ({"metadata": [1]}, ".metadata: expected map, got [1]"),
        (deployment(a={"junk": 1}), '.spec.template.spec.containers[{"name":"a"}].junk: field not declared'),
        ({"spec": {"template": {"spec": {"containers": [{}]}}}}, "omits key field 'name'"),
        ({"spec": {"template": {"spec": {"containers": [5]}}}}, "expected map, got 5"),
        ({"spec": {"template": {"spec": {"containers": {}}}}}, "expected list, got {}"),
        ({"spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}}}, "duplicate entries for key"),
        ({"metadata": {"managedFields": []}}, "metadata.managedFields must be nil"),
    ],
    ids=str,
)
def test_a_configuration_outside_the_schema_is_refused(configuration: Any, said: str) -> None:
    with pytest.raises(ApiError) as caught:
        applied(None, DEPLOYMENT | configuration)
    assert caught.value.status == 400
    assert said in caught.value.message


@pytest.mark.parametrize("body", [b"", b"5", b"[]", b"{", b"a: [", b"kind: Pod\napiVersion: v1", b"\xff\xfe"])
def test_a_bad_body_is_refused(body: bytes) -> None:
    try:
        assert apply.parse_applied(body, DEPLOYMENTS) == {}
    except ApiError as error:
        assert error.status == 400


def test_owners_are_forgotten_when_a_client_says_so() -> None:
    live = applied(None, deployment(2))
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"] = [{}]
    apply.track_update(DEPLOYMENTS, live, new, "x", "", NOW)
    assert "managedFields" not in new["metadata"]


def test_owners_are_kept_when_a_client_leaves_them_out() -> None:
    live = applied(None, deployment(2))
    new = deployment(3)
    apply.track_update(DEPLOYMENTS, live, new, "x", "", NOW)
    assert owners(new) == {"x": {"f:spec": {"f:replicas": {}}}}


@pytest.mark.parametrize("fields", [5, {"f:spec": 5}, {"spec": {}}, {"k:{": {}}, {"k:5": {}}, {"i:x": {}}])
def test_owners_that_make_no_sense_are_not_believed(fields: Any) -> None:
    live = applied(None, deployment(2))
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"][0]["fieldsV1"] = fields
    apply.track_update(DEPLOYMENTS, live, new, "x", "", NOW)
    assert new["metadata"]["managedFields"] == live["metadata"]["managedFields"]


def test_an_item_without_its_key_is_left_to_validation() -> None:
    new = deployment(2)
    new["spec"]["template"] = {"spec": {"containers": [{"image": "i"}]}}
    apply.track_update(DEPLOYMENTS, None, new, "x", "", NOW)
    assert "managedFields" not in new["metadata"]


def test_the_oldest_updaters_are_joined() -> None:
    obj: dict[str, Any] = {"metadata": {}, "data": {}}
    for at in range(15):
        new = {"metadata": dict(obj["metadata"]), "data": obj["data"] | {str(at): "x"}}
        apply.track_update(CONFIG_MAPS, obj, new, f"m{at:02}", "", f"2026-01-02T03:04:{at:02}Z")
        obj = new
    assert list(owners(obj)) == ["ancient-changes"] + [f"m{at:02}" for at in range(6, 15)]
    assert len(owners(obj)["ancient-changes"]["f:data"]) == 6


def test_status_is_owned_through_its_subresource_alone() -> None:
    old = {"metadata": {}, "spec": {"nodeName": "a"}, "status": {}}
    new = {"metadata": {}, "spec": {"nodeName": "b"}, "status": {"phase": "Running"}}
    apply.track_update(PODS, old, new, "kubelet", "status", NOW)
    assert owners(new) == {"kubelet": {"f:status": {"f:phase": {}}}}


def test_an_item_with_a_key_left_out_has_its_default() -> None:
    identify = by_keys(("port", "protocol"))
    assert identify({"port": 80}) == identify({"protocol": "TCP", "port": 80}) == 'k:{"port":80,"protocol":"TCP"}'
    with pytest.raises(SchemaError):
        by_keys(("name",))({})


BOATS = Kind("example.com", "v1", "Boat", "boats", subresources=(Subresource("status"), Subresource("scale")))


def boats() -> dict[str, Any]:
    rows = [json.loads(line) for line in (FACTS / "crds.jsonl").read_text().splitlines()]
    text = json.dumps([row for row in rows if "answer" in row]).replace('"*"', json.dumps(NOW))
    return {row["name"]: row for row in json.loads(text)}


def test_custom_resources_are_owned_by_their_schema() -> None:
    rows = boats()
    definition = rows["established"]["answer"]["spec"]["versions"]
    schema = next(version for version in definition if version["name"] == "v1")["schema"]["openAPIV3Schema"]
    boat = apply.custom_type(schema)
    for name in ("good", "default", "int port", "unknown field"):
        obj = rows[name]["answer"]
        wanted = obj["metadata"].pop("managedFields")
        apply.track_update(BOATS, None, obj, "unknown", "", NOW, boat)
        assert obj["metadata"]["managedFields"] == wanted, name
    live, answer = rows["apply"]["answer"], rows["apply other crew"]["answer"]
    merged = apply.server_side_apply(BOATS, live, rows["apply other crew"]["body"], "n", False, NOW, custom=boat)
    assert merged["metadata"]["managedFields"] == answer["metadata"]["managedFields"]
    assert [item["name"] for item in merged["spec"]["crew"]] == [item["name"] for item in answer["spec"]["crew"]]


NAMES = st.sampled_from("abcd")
ENVIRONMENT = st.dictionaries(NAMES, NAMES, max_size=2).map(
    lambda values: [{"name": name, "value": value} for name, value in values.items()]
)
CONTAINER = st.fixed_dictionaries(
    {}, optional={"image": NAMES, "env": ENVIRONMENT, "args": st.lists(NAMES, max_size=2)}
)
CONFIGURATIONS = st.builds(
    lambda replicas, containers, labels: (
        deployment(replicas, **containers) | {"metadata": {"name": "d", "labels": labels}}
    ),
    st.none() | st.integers(0, 3),
    st.dictionaries(NAMES, CONTAINER, max_size=3),
    st.dictionaries(NAMES, NAMES, max_size=2),
)


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_applying_again_changes_nothing(first: Any, second: Any) -> None:
    live = applied(applied(None, first, "x"), second, "y", force=True)
    assert applied(live, second, "y", now=LATER) == live


@given(CONFIGURATIONS, CONFIGURATIONS, CONFIGURATIONS)
def test_what_is_given_up_by_all_is_gone(first: Any, second: Any, third: Any) -> None:
    live = applied(applied(applied(None, first, "x"), second, "y", force=True), third, "x", force=True)
    for manager in "xy":
        live = applied(live, DEPLOYMENT, manager)
    spec = live.get("spec", {})
    assert not spec.get("replicas")
    assert not live["metadata"].get("labels")
    assert not spec.get("template", {}).get("spec", {}).get("containers")


@given(st.permutations("xyz"), st.lists(st.dictionaries(NAMES, NAMES, min_size=1), min_size=3, max_size=3))
def test_managers_of_different_fields_may_come_in_any_order(order: list[str], labels: list[dict[str, str]]) -> None:
    configurations = {
        manager: DEPLOYMENT
        | {"metadata": {"name": "d", "labels": {f"{manager}/{key}": value for key, value in said.items()}}}
        for manager, said in zip("xyz", labels, strict=True)
    }

    def all_of(managers: Any) -> Any:
        live = None
        for manager in managers:
            live = applied(live, configurations[manager], manager)
        return live

    assert all_of(order) == all_of("xyz")


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_an_update_owns_what_it_changed_and_nobody_owns_what_is_gone(old: Any, new: Any) -> None:
    apply.track_update(DEPLOYMENTS, None, old, "x", "", NOW)
    apply.track_update(DEPLOYMENTS, old, new, "y", "", LATER)
    held = {}
    for fields in owners(new).values():
        held |= fields.get("f:spec", {})
    assert ("f:replicas" in held) == ("replicas" in new["spec"])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "image", "env", "labels", "a", "containers"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON_VALUES, JSON_VALUES)
def test_no_configuration_breaks_apply(one: Any, other: Any) -> None:
    live = None
    for value in (one, other, one):
        wanted = {
            "metadata": value,
            "spec": {"template": {"spec": {"containers": value}, "metadata": other}},
            "status": value,
        }
        for configuration in (wanted, wanted | {"metadata": {"name": "d"}}, wanted | {"spec": value}):
            try:
                live = applied(live, configuration, force=True)
            except ApiError as error:
                assert error.status == 400


@given(JSON_VALUES, JSON_VALUES)
def test_no_object_breaks_tracking(one: Any, other: Any) -> None:
    old = {"metadata": {"labels": one}, "spec": {"template": {"spec": {"containers": one}}}}
    new = {"metadata": {"labels": other}, "spec": {"template": {"spec": {"containers": other}}}}
    apply.track_update(DEPLOYMENTS, None, old, "x", "", NOW)
    apply.track_update(DEPLOYMENTS, old, new, "y", "", LATER)
