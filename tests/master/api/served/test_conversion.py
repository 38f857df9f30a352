"""Custom resources whose versions a webhook converts: each is read, listed, watched and written in the version asked for."""

import asyncio

import pytest

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "berths.sea.example.com"
V1, V2 = ("/apis/sea.example.com/" + version + "/namespaces/w/berths" for version in ("v1", "v2"))
MERGE = "application/merge-patch+json"
TEXT = {"type": "string"}


def version(name, stored, *fields):
    schema = {"type": "object", "properties": dict.fromkeys(fields, TEXT)}
    return {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": schema},
        "selectableFields": [{"jsonPath": f".{field}"} for field in fields],
    }


def definition(webhook, *understood):
    client = {"url": f"https://127.0.0.1:{webhook.port}/convert", "caBundle": webhook.bundle}
    asked = {"clientConfig": client, "conversionReviewVersions": list(understood) or ["v1"]}
    spec = {
        "group": "sea.example.com",
        "scope": "Namespaced",
        "names": {"plural": "berths", "kind": "Berth"},
        "versions": [version("v1", True, "hostPort"), version("v2", False, "host", "port")],
        "conversion": {"strategy": "Webhook", "webhook": asked},
    }
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return kind | {"metadata": {"name": NAME}, "spec": spec}


def convert(asked):
    """v1 says `hostPort: a:1` where v2 says `host: a` and `port: "1"`."""
    converted = [_converted(obj, asked["desiredAPIVersion"]) for obj in asked["objects"]]
    return {"result": {"status": "Success"}, "convertedObjects": converted}


def _converted(obj, api_version):
    kept = {"apiVersion": api_version, "kind": obj["kind"], "metadata": obj["metadata"]}
    if api_version.endswith("v2"):
        host, _, port = obj.get("hostPort", "").partition(":")
        return kept | {"host": host, "port": port}
    return kept | {"hostPort": f"{obj['host']}:{obj['port']}"}


async def stored_as(api, name):
    versions = [version("v1", name == "v1", "hostPort"), version("v2", name == "v2", "host", "port")]
    status, answer, _ = await api.ask("PATCH", f"{DEFINITIONS}/{NAME}", {"spec": {"versions": versions}}, MERGE)
    assert status == 200, answer
    return answer


async def make(api, name, api_version="v1", **members):
    path = V1 if api_version == "v1" else V2
    obj = {"apiVersion": f"sea.example.com/{api_version}", "kind": "Berth", "metadata": {"name": name}} | members
    status, answer, _ = await api.ask("POST", path, obj, "application/json")
    assert status == 201, answer
    return answer


async def got(api, path):
    status, answer, _ = await api.ask("GET", path)
    assert status == 200, answer
    return answer


async def established(api):
    async with asyncio.timeout(10), api.watch(f"{DEFINITIONS}?fieldSelector=metadata.name%3D{NAME}") as stream:
        conditions = []
        while ("Established", "True") not in [(one["type"], one["status"]) for one in conditions]:
            conditions = ((await stream.next())["object"].get("status") or {}).get("conditions") or []


@pytest.fixture
async def berths(api, webhook):
    await api.namespace("w")
    webhook.answers["/convert"] = convert
    await api.create(DEFINITIONS, definition(webhook))
    await established(api)
    return api


async def test_read_in_the_version_asked_for(berths):
    await make(berths, "a", hostPort="one:80")
    found = await got(berths, f"{V2}/a")
    assert (found["apiVersion"], found["host"], found["port"]) == ("sea.example.com/v2", "one", "80")
    assert (await got(berths, f"{V1}/a"))["hostPort"] == "one:80"


async def test_written_in_the_version_asked_for(berths, webhook):
    made = await make(berths, "a", "v2", host="one", port="80")
    assert (made["apiVersion"], made["host"]) == ("sea.example.com/v2", "one")
    assert (await got(berths, f"{V1}/a"))["hostPort"] == "one:80"
    status, answer, _ = await berths.ask("PATCH", f"{V2}/a", {"port": "81"}, MERGE)
    assert (status, answer["port"]) == (200, "81")
    assert (await got(berths, f"{V1}/a"))["hostPort"] == "one:81"
    (_, question) = webhook.asked[0]
    assert question["desiredAPIVersion"] == "sea.example.com/v1"


async def test_a_list_of_objects_stored_in_several_versions(berths):
    await make(berths, "a", hostPort="one:80")
    assert (await stored_as(berths, "v2"))["status"]["storedVersions"] == ["v1", "v2"]
    await make(berths, "b", "v2", host="two", port="81")
    assert [item["hostPort"] for item in (await got(berths, V1))["items"]] == ["one:80", "two:81"]
    listed = await got(berths, V2)
    assert [(item["apiVersion"], item["host"]) for item in listed["items"]] == [
        ("sea.example.com/v2", "one"),
        ("sea.example.com/v2", "two"),
    ]
    status, answer, _ = await berths.ask("PATCH", f"{V1}/a", {"metadata": {"labels": {"x": "y"}}}, MERGE)
    assert (status, answer["hostPort"]) == (200, "one:80")
    entry = berths.server.cache.collection(berths.server.api.find("sea.example.com", "v2", "berths")).find("w", "a")
    assert b'"host":"one"' in entry.data


async def test_what_is_converted_once_is_not_asked_again(berths, webhook):
    await make(berths, "a", hostPort="one:80")
    for _ in range(3):
        await got(berths, V2)
    assert len(webhook.asked) == 1


async def test_fields_are_selected_in_the_version_asked_for(berths):
    await make(berths, "a", hostPort="one:80")
    await make(berths, "b", hostPort="one:81")
    await make(berths, "c", "v2", host="two", port="80")
    for path, names in (
        (f"{V1}?fieldSelector=hostPort%3Done:80", ["a"]),
        (f"{V2}?fieldSelector=host%3Done", ["a", "b"]),
        (f"{V2}?fieldSelector=host%3Done,port%3D81", ["b"]),
    ):
        assert [item["metadata"]["name"] for item in (await got(berths, path))["items"]] == names
    assert (await berths.ask("DELETE", f"{V2}?fieldSelector=port%3D80"))[0] == 200
    assert [item["metadata"]["name"] for item in (await got(berths, V1))["items"]] == ["b"]


async def test_a_watch_in_the_version_asked_for(berths):
    await make(berths, "a", hostPort="one:80")
    async with berths.watch(f"{V2}?fieldSelector=host%3Done") as stream:
        assert (await stream.next())["object"]["port"] == "80"
        await make(berths, "b", hostPort="two:80")
        await make(berths, "c", hostPort="one:81")
        await berths.ask("PATCH", f"{V1}/b", {"hostPort": "one:82"}, MERGE)
        await berths.ask("PATCH", f"{V1}/a", {"hostPort": "two:80"}, MERGE)
        await berths.ask("DELETE", f"{V1}/c")
        seen = [(each["type"], each["object"]["metadata"]["name"]) for each in await stream.until(4)]
    assert seen == [("ADDED", "c"), ("ADDED", "b"), ("DELETED", "a"), ("DELETED", "c")]


async def test_a_watch_resumes(berths):
    made = await make(berths, "a", hostPort="one:80")
    await berths.ask("PATCH", f"{V1}/a", {"hostPort": "one:81"}, MERGE)
    async with berths.watch(f"{V2}?resourceVersion={made['metadata']['resourceVersion']}") as stream:
        event = await stream.next()
    assert (event["type"], event["object"]["port"]) == ("MODIFIED", "81")


async def test_the_end_of_the_initial_state_comes_after_it(berths):
    await make(berths, "a", hostPort="one:80")
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with berths.watch(f"{V2}?{query}") as stream:
        assert [each["type"] for each in await stream.until(2)] == ["ADDED", "BOOKMARK"]


FAILURES = {
    "refused": ({"result": {"status": "Failure", "message": "not these"}}, "not these"),
    "silent": ({"result": {}}, "response.result.status was '', not 'Success'"),
    "short": ({"result": {"status": "Success"}, "convertedObjects": []}, "returned 0 objects, expected 1"),
    "renamed": (
        {
            "result": {"status": "Success"},
            "convertedObjects": [{"apiVersion": "sea.example.com/v2", "kind": "Berth", "metadata": {"name": "z"}}],
        },
        "must have the same name: a != z",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_failure_is_told(berths, webhook, name):
    response, said = FAILURES[name]
    await make(berths, "a", hostPort="one:80")
    webhook.answers["/convert"] = lambda _: response
    status, answer, _ = await berths.ask("GET", f"{V2}/a")
    assert status == 500
    assert answer["message"].startswith("conversion webhook for sea.example.com/v1, Kind=Berth failed: ")
    assert answer["message"].endswith(said)
    assert (await berths.ask("GET", f"{V1}/a"))[0] == 200


async def test_a_failure_ends_a_watch(berths, webhook):
    await make(berths, "a", hostPort="one:80")
    webhook.answers["/convert"] = lambda _: {"result": {"status": "Failure", "message": "no"}}
    async with berths.watch(V2) as stream:
        event = await stream.next()
        assert (event["type"], event["object"]["code"]) == ("ERROR", 500)
        assert await stream.next() is None


async def test_metadata_that_a_webhook_may_not_change_is_kept(berths, webhook):
    made = await make(berths, "a", hostPort="one:80")

    def relabel(asked):
        answer = convert(asked)
        for obj in answer["convertedObjects"]:
            obj["metadata"] = obj["metadata"] | {"labels": {"by": "hook"}, "finalizers": ["x/y"]}
        return answer

    webhook.answers["/convert"] = relabel
    meta = (await got(berths, f"{V2}/a"))["metadata"]
    assert meta["labels"] == {"by": "hook"}
    assert "finalizers" not in meta
    assert meta["uid"] == made["metadata"]["uid"]


async def test_a_definition_goes_with_its_objects_though_its_webhook_is_dead(berths, webhook):
    await make(berths, "a", hostPort="one:80")
    webhook.answers["/convert"] = lambda _: {"result": {"status": "Failure"}}
    async with asyncio.timeout(10), berths.watch(f"{DEFINITIONS}?fieldSelector=metadata.name%3D{NAME}") as stream:
        await berths.ask("DELETE", f"{DEFINITIONS}/{NAME}")
        kind = ""
        while kind != "DELETED":
            kind = (await stream.next())["type"]


async def test_what_was_stored_before_there_was_a_webhook_is_converted(berths, webhook):
    conversion = definition(webhook)["spec"]["conversion"]
    path = f"{DEFINITIONS}/{NAME}"
    assert (await berths.ask("PATCH", path, {"spec": {"conversion": {"strategy": "None", "webhook": None}}}, MERGE))[
        0
    ] == 200
    await make(berths, "a", hostPort="one:80")
    await stored_as(berths, "v2")
    assert "host" not in await got(berths, f"{V2}/a")
    assert (await berths.ask("PATCH", path, {"spec": {"conversion": conversion}}, MERGE))[0] == 200
    assert (await got(berths, f"{V2}/a"))["host"] == "one"
    assert (await got(berths, f"{V1}/a"))["hostPort"] == "one:80"


async def test_applied_in_one_version_and_then_in_the_other(berths):
    apply = "application/apply-patch+yaml"
    for path, version_, manager, more in (
        (V1, "v1", "first", {"hostPort": "one:80"}),
        (V2, "v2", "second", {"host": "one", "metadata": {"name": "a", "labels": {"b": "c"}}}),
        (V1, "v1", "first", {"hostPort": "two:81"}),
    ):
        body = {"apiVersion": f"sea.example.com/{version_}", "kind": "Berth", "metadata": {"name": "a"}} | more
        status, answer, _ = await berths.ask("PATCH", f"{path}/a?fieldManager={manager}&force=true", body, apply)
        assert status in (200, 201), answer
    assert (answer["hostPort"], answer["metadata"]["labels"]) == ("two:81", {"b": "c"})
    found = await got(berths, f"{V2}/a")
    owners = {one["manager"]: one["apiVersion"][-2:] for one in found["metadata"]["managedFields"]}
    assert owners == {"first": "v1", "second": "v2"}  # their order is that of their times, in seconds
