"""Custom resources as the real server served them, and the life of their definitions."""

import asyncio
import json

import pytest

from kube.kinds import BUILT_IN
from master.api.cache import Cache
from master.api.customs.serving import Serving
from master.api.served import Served

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BOATS = "/apis/example.com/v1/namespaces/default/boats"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"

# row → why it differs
DIFFERENT = {
    "openapi": "recorded with Go's own struct names instead of JSON; compared in test_openapi",
}


@pytest.fixture
async def fleet(api, recording):
    """The recorded definition of boats, established."""
    await api.namespace("default")
    await api.create(DEFINITIONS, recording("crds")[0]["body"])
    await established(api, "boats.example.com")
    return api


async def settled(api, name, reached):
    """The definition once `reached(definition)` is true; None stands for one that is gone."""
    async with asyncio.timeout(5):
        async with api.watch(f"{DEFINITIONS}?fieldSelector=metadata.name%3D{name}") as stream:
            while True:
                event = await stream.next()
                found = None if event["type"] == "DELETED" else event["object"]
                if reached(found):
                    return found


async def established(api, name):
    return await settled(api, name, lambda found: found and condition(found, "Established") == "True")


def condition(definition, type):
    found = definition.get("status", {}).get("conditions") or []
    return next((each["status"] for each in found if each["type"] == type), None)


def simple(plural, kind, schema=None, group="sea.example.com", **more):
    schema = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": plural, "kind": kind}
    spec = {"group": group, "scope": "Cluster", "names": names, "versions": [version]} | more
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": spec,
    }


def resource(kind, name, api_version="sea.example.com/v1", **more):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}} | more


async def test_recorded(api, recording, agrees, capsys):
    await api.namespace("default")
    rows, found = recording("crds"), {}
    for row in rows:
        if row["name"] == "established":
            await established(api, "boats.example.com")
        status, answer, headers = await api.ask(
            row["method"], row["path"], row.get("body"), row.get("type", ""), row.get("accept", "")
        )
        for column in answer.get("columnDefinitions", ()):
            del column["description"]  # the recording leaves them out
        trouble = agrees(row, status, answer, headers)
        if not trouble and row.get("warnings", []) != headers.getall("Warning", []):
            trouble = f"warnings {headers.getall('Warning', [])}"
        if trouble:
            found[row["name"]] = trouble
    with capsys.disabled():
        print(f"\ncrds: {len(rows) - len(found)} of {len(rows)} recorded answers agree")
    unexpected = {name: why for name, why in found.items() if name not in DIFFERENT}
    assert not unexpected, json.dumps(unexpected, indent=1)[:6000]
    assert not set(DIFFERENT) - set(found), "these agree now: take them from the list"


def as_json(schema):
    """A schema of the recording, whose JSON shows the structs it is made of."""
    if isinstance(schema, list):
        return [as_json(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "SchemaProps" in schema:
        rest = {key: value for key, value in schema.items() if key == "$ref"}
        schema = schema["ArbitraryKeys"] | schema["SchemaProps"] | schema["SwaggerSchemaProps"] | rest
    return {key: as_json(value) for key, value in schema.items()}


WORDS = {"apiVersion": "APIVersion defines", "kind": "Kind ", "metadata": "Standard "}


async def test_openapi(fleet, recording, difference):
    row = next(row for row in recording("crds") if row["name"] == "openapi")
    _, answer, _ = await fleet.ask("GET", row["path"])
    recorded, served = row["answer"]["components"]["schemas"], answer["components"]["schemas"]
    for name in ("com.example.v1.Boat", "com.example.v1.BoatList"):
        for field, words in WORDS.items():  # recorded without descriptions
            assert served[name]["properties"][field].pop("description").startswith(words)
        assert not difference(as_json(recorded[name]), served[name])
    assert set(row["answer"]["paths"]) - {"/apis/example.com/v1/"} <= set(answer["paths"])


async def test_an_embedded_object_is_described_as_one(api):
    hull = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"hulls": {"type": "array", "items": hull}}}
    await api.create(DEFINITIONS, simple("ships", "Ship", schema))
    await established(api, "ships.sea.example.com")
    _, answer, _ = await api.ask("GET", "/openapi/v3/apis/sea.example.com/v1")
    ship = answer["components"]["schemas"]["com.example.sea.v1.Ship"]
    assert "description" not in ship
    header = ship["properties"]["hulls"]["items"]["properties"]
    assert all(header[field]["description"].startswith(words) for field, words in WORDS.items())


async def test_openapi_changes_with_the_definition(fleet):
    async def described():
        _, index, _ = await fleet.ask("GET", "/openapi/v3")
        return index["paths"]["apis/example.com/v1"]["serverRelativeURL"]

    before = await described()
    patch = [{"op": "add", "path": SPEC + "/sails", "value": {"type": "integer", "default": 1}}]
    await changed(fleet, patch)
    assert await described() != before
    _, answer, _ = await fleet.ask("GET", "/openapi/v2")
    assert "sails" in answer["definitions"]["com.example.v1.Boat"]["properties"]["spec"]["properties"]


SPEC = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties"


async def changed(api, patch, name="boats.example.com"):
    status, answer, _ = await api.ask("PATCH", f"{DEFINITIONS}/{name}", patch, "application/json-patch+json")
    assert status == 200, answer


async def boat(api, name="may", **spec):
    return await api.create(BOATS, resource("Boat", name, "example.com/v1", spec={"oars": 4} | spec))


async def test_objects_have_the_defaults_and_fields_of_today(fleet):
    await boat(fleet)
    await changed(fleet, [{"op": "add", "path": SPEC + "/sails", "value": {"type": "integer", "default": 1}}])
    _, found, _ = await fleet.ask("GET", BOATS + "/may")
    assert found["spec"] == {"oars": 4, "note": "none", "sails": 1}
    await changed(fleet, [{"op": "remove", "path": SPEC + "/note"}])
    _, listed, _ = await fleet.ask("GET", BOATS)
    assert listed["items"][0]["spec"] == {"oars": 4, "sails": 1}


async def test_a_default_that_was_never_stored_goes_with_its_definition(fleet):
    await boat(fleet)
    await changed(fleet, [{"op": "add", "path": SPEC + "/sails", "value": {"type": "integer", "default": 1}}])
    await changed(fleet, [{"op": "remove", "path": SPEC + "/sails/default"}])
    _, found, _ = await fleet.ask("GET", BOATS + "/may")
    assert found["spec"] == {"oars": 4, "note": "none"}


async def test_another_version_is_stored(fleet):
    await boat(fleet)
    await changed(
        fleet,
        [
            {"op": "replace", "path": "/spec/versions/0/storage", "value": False},
            {"op": "replace", "path": "/spec/versions/1/storage", "value": True},
        ],
    )
    for version in ("v1", "v1beta1"):
        _, found, _ = await fleet.ask("GET", BOATS.replace("v1", version) + "/may")
        assert found["apiVersion"] == f"example.com/{version}"
    _, definition, _ = await fleet.ask("GET", f"{DEFINITIONS}/boats.example.com")
    assert definition["status"]["storedVersions"] == ["v1", "v1beta1"]


async def test_watches_speak_the_version_asked_for(fleet):
    async with fleet.watch(BOATS.replace("v1", "v1beta1")) as stream:
        await boat(fleet)
        event = await stream.next()
    assert (event["type"], event["object"]["apiVersion"]) == ("ADDED", "example.com/v1beta1")


async def test_what_did_not_change_is_not_judged_again(fleet):
    await boat(fleet, oars=10)
    await changed(fleet, [{"op": "replace", "path": SPEC + "/oars/maximum", "value": 8}])
    status, answer, _ = await fleet.ask("PATCH", BOATS + "/may", {"spec": {"kind": "skiff"}}, MERGE)
    assert status == 200, answer
    status, _, _ = await fleet.ask("PATCH", BOATS + "/may", {"spec": {"oars": 12}}, MERGE)
    assert status == 422


async def test_a_definition_goes_after_its_objects(fleet):
    await boat(fleet)
    held = resource("Boat", "held", "example.com/v1", spec={"oars": 2})
    held["metadata"]["finalizers"] = ["example.com/anchor"]
    await fleet.create(BOATS, held)
    async with fleet.watch(BOATS) as stream:
        await stream.until(2)
        await fleet.ask("DELETE", f"{DEFINITIONS}/boats.example.com")
        events = await stream.until(2)
    assert {(event["type"], event["object"]["metadata"]["name"]) for event in events} == {
        ("DELETED", "may"),
        ("MODIFIED", "held"),
    }
    status, _, _ = await fleet.ask("POST", BOATS, resource("Boat", "new", "example.com/v1"), "application/json")
    assert status == 405
    await fleet.ask("PATCH", BOATS + "/held", {"metadata": {"finalizers": None}}, MERGE)
    await gone(fleet, "boats.example.com")
    status, _, _ = await fleet.ask("GET", BOATS)
    assert status == 404
    status, _, _ = await fleet.ask("GET", "/apis/example.com/v1")
    assert status == 404


async def gone(api, name):
    async with asyncio.timeout(5):
        while (await api.ask("GET", f"{DEFINITIONS}/{name}"))[0] != 404:
            await asyncio.sleep(0)


async def test_names_are_given_once(api):
    await api.create(DEFINITIONS, simple("ships", "Ship"))
    await established(api, "ships.sea.example.com")
    await api.create(DEFINITIONS, simple("vessels", "Ship"))
    refused = await settled(api, "vessels.sea.example.com", lambda found: condition(found, "NamesAccepted") == "False")
    assert condition(refused, "Established") == "False"
    assert refused["status"]["conditions"][0]["reason"] == "ListKindConflict"
    status, _, _ = await api.ask("GET", "/apis/sea.example.com/v1/vessels")
    assert status == 404
    await api.ask("DELETE", f"{DEFINITIONS}/ships.sea.example.com")
    await established(api, "vessels.sea.example.com")
    await api.create("/apis/sea.example.com/v1/vessels", resource("Ship", "one"))


async def test_the_newest_stable_version_comes_first(api):
    schema = {"openAPIV3Schema": {"type": "object"}}
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": schema}
        for name in ("v1alpha1", "v1", "v10", "v2beta2", "v2", "foo")
    ]
    await api.create(DEFINITIONS, simple("ships", "Ship", versions=versions))
    await established(api, "ships.sea.example.com")
    _, group, _ = await api.ask("GET", "/apis/sea.example.com")
    assert [one["version"] for one in group["versions"]] == ["v10", "v2", "v1", "v2beta2", "v1alpha1", "foo"]


EMBEDDED = {
    "type": "object",
    "properties": {
        "template": {"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}},
        "rates": {"type": "array", "items": {"type": "number"}, "x-kubernetes-validations": [{"rule": "self.sum() < 2.5"}]},
        "until": {"type": "string", "format": "date-time"},
        "choice": {"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "type": "object", "properties": {
            "a": {"type": "string"}, "b": {"type": "string"}}},
        "namespace": {"type": "string"},
        "old": {"type": "integer", "x-kubernetes-validations": [
            {"rule": "self >= oldSelf.orValue(3)", "optionalOldSelf": True, "message": "grows"}]},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
            "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "port": {
                "type": "integer", "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed"}]}}}},
    },
    "x-kubernetes-validations": [
        {"rule": "!has(self.until) || self.until > timestamp('2026-01-01T00:00:00Z')", "message": "too early"},
        {"rule": "!has(self.__namespace__) || self.__namespace__ == self.metadata.name", "message": "other name"},
    ],
}  # fmt: skip
JUDGED = {
    "rates": ({"rates": [1, 1.5]}, [""]),
    "template": ({"template": {"metadata": {"name": "x"}}}, ["template.apiVersion", "template.kind", "<nil>"]),
    "until": ({"until": "2025-01-01T00:00:00Z"}, ["<nil>"]),
    "choice": ({"choice": {"a": "1", "b": "2"}}, ["<nil>"]),
    "reserved word": ({"namespace": "x"}, ["<nil>"]),
    "optional old": ({"old": 2}, ["old"]),
}


@pytest.fixture
async def ships(api):
    await api.create(DEFINITIONS, simple("ships", "Ship", EMBEDDED))
    await established(api, "ships.sea.example.com")
    return api


@pytest.mark.parametrize("name", JUDGED)
async def test_judged(ships, name):
    more, fields = JUDGED[name]
    status, answer, _ = await ships.ask(
        "POST", "/apis/sea.example.com/v1/ships", resource("Ship", "s", **more), "application/json"
    )
    assert status == 422, answer
    if fields != [""]:
        assert [cause["field"] for cause in answer["details"]["causes"]] == fields


async def test_items_of_a_map_are_compared_by_key(ships):
    path = "/apis/sea.example.com/v1/ships"
    ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
    await ships.create(path, resource("Ship", "s", ports=ports, rates=[1], old=3))
    status, answer, _ = await ships.ask("PATCH", f"{path}/s", {"ports": ports[::-1]}, MERGE)
    assert status == 200, answer
    status, answer, _ = await ships.ask("PATCH", f"{path}/s", {"ports": [{"name": "b", "port": 3}]}, MERGE)
    assert [cause["field"] for cause in answer["details"]["causes"]] == ["ports[0].port"]


async def test_words_about_a_definition_leave_its_objects_alone(fleet):
    await boat(fleet)
    entry = fleet.server.cache.collection(fleet.server.api.find("example.com", "v1", "boats")).find("default", "may")
    patch = {"metadata": {"annotations": {"a": "b"}}}
    await fleet.ask("PATCH", f"{DEFINITIONS}/boats.example.com", patch, MERGE)
    collection = fleet.server.cache.collection(entry.shape.kind)
    assert collection.find("default", "may") is entry


async def test_definitions_outlive_the_server(fleet):
    await boat(fleet)
    cache = Cache(fleet.server.store, [kind for kind in BUILT_IN if kind.stored])
    served = Served(BUILT_IN)
    Serving(cache, served)
    following = await cache.start()
    kind = served.find("example.com", "v1beta1", "boats")
    assert cache.get(kind, "default", "may")["spec"]["note"] == "none"
    following.cancel()
    await asyncio.wait({following})


INSIDE = {
    "type": "object",
    "x-kubernetes-embedded-resource": True,
    "properties": {field: {"type": "string"} for field in ("apiVersion", "kind")} | {"metadata": {"type": "object"}},
}
STRICT = {
    "type": "object",
    "properties": {
        "spec": {"type": "object", "properties": {"a": {"type": "string"}, "inner": INSIDE}},
        "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
INNER = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "junk": 1}}


@pytest.mark.parametrize(
    ("more", "applied", "created"),
    [
        ({"spec": {"junk": 1}}, ".spec.junk: field not declared in schema", 'unknown field "spec.junk"'),
        ({"spec": {"inner": INNER}}, "", 'unknown field "spec.inner.metadata.junk"'),
        ({"open": {"junk": {"more": 1}}}, "", ""),
    ],
    ids=["unknown", "unknown in metadata inside", "open"],
)
async def test_fields_that_nobody_declared(api, more, applied, created):
    await api.create(DEFINITIONS, simple("ships", "Ship", STRICT))
    await established(api, "ships.sea.example.com")
    path, query = "/apis/sea.example.com/v1/ships", "fieldManager=m&fieldValidation=Strict"
    _, answer, _ = await api.ask("POST", f"{path}?{query}", resource("Ship", "s", **more), "application/json")
    assert answer.get("message", "").endswith(created)
    _, answer, _ = await api.ask("PATCH", f"{path}/t?{query}", resource("Ship", "t", **more), APPLY)
    assert answer.get("message", "").endswith(applied or created)


@pytest.mark.parametrize(("validation", "code"), [("Strict", 400), ("Warn", 201), ("Ignore", 201)])
async def test_keys_that_an_apply_says_twice(api, validation, code):
    await api.create(DEFINITIONS, simple("ships", "Ship"))
    await established(api, "ships.sea.example.com")
    body = b"apiVersion: sea.example.com/v1\nkind: Ship\nmetadata:\n  name: s\nspec:\n  a: 1\n  a: 2\n"
    path = f"/apis/sea.example.com/v1/ships/s?fieldManager=m&fieldValidation={validation}"
    status, answer, headers = await api.ask("PATCH", path, body, APPLY)
    told = answer.get("message", "") + "".join(headers.getall("Warning", []))
    assert (status, "already set in map" in told) == (code, validation != "Ignore")


async def test_what_old_clients_would_refuse_is_not_described_to_them(api):
    text = {"type": "string"}
    schema = {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"a": text, "none": {"type": "object", "nullable": True, "properties": {"b": text}}},
    }
    schema = {"type": "object", "properties": {"open": schema, "shut": {**schema, "required": ["none", "a"]}}}
    del schema["properties"]["shut"]["x-kubernetes-preserve-unknown-fields"]
    await api.create(DEFINITIONS, simple("ships", "Ship", schema))
    await established(api, "ships.sea.example.com")
    _, answer, _ = await api.ask("GET", "/openapi/v2")
    described = answer["definitions"]["com.example.sea.v1.Ship"]["properties"]
    assert described["open"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert described["shut"] == {"type": "object", "properties": {"a": text, "none": {}}, "required": ["a"]}
    _, answer, _ = await api.ask("GET", "/openapi/v3/apis/sea.example.com/v1")
    assert "none" in answer["components"]["schemas"]["com.example.sea.v1.Ship"]["properties"]["open"]["properties"]
