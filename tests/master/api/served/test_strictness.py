"""What a patch says that no field hears: refused, warned of or dropped, as the client asks."""

import pytest

SETS = "/apis/apps/v1/namespaces/default/replicasets"
MERGE, STRATEGIC, JSON = (f"application/{one}-patch+json" for one in ("merge", "strategic-merge", "json"))
TWICE = '{"spec":{"minReadySeconds":1,"minReadySeconds":2,"unknown":{"a":1}}}'
OPERATIONS = '[{"op":"add","path":"/spec/unknown","value":1,"foo":"bar","foo":"baz"}]'
OF_OBJECTS = ['duplicate field "spec.minReadySeconds"', 'unknown field "spec.unknown"']
OF_OPERATIONS = [
    'json patch unknown field "[0].foo"',
    'json patch duplicate field "[0].foo"',
    'unknown field "spec.unknown"',
]
CASES = [(MERGE, TWICE, OF_OBJECTS), (STRATEGIC, TWICE, OF_OBJECTS), (JSON, OPERATIONS, OF_OPERATIONS)]


@pytest.fixture
async def web(api):
    await api.namespace("default")
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
    await api.create(SETS, {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"}, "spec": spec})
    return api


@pytest.mark.parametrize(("language", "body", "complaints"), CASES, ids=["merge", "strategic", "json"])
async def test_a_strict_patch_is_refused_for_what_nobody_hears(web, language, body, complaints):
    status, answer, _ = await web.ask("PATCH", f"{SETS}/web?fieldValidation=Strict", body, language)
    assert (status, answer["reason"]) == (422, "Invalid")
    [cause] = answer["details"]["causes"]
    assert (cause["field"], cause["reason"]) == ("patch", "FieldValueInvalid")
    assert cause["message"].endswith("strict decoding error: " + ", ".join(complaints))


@pytest.mark.parametrize(("language", "body", "complaints"), CASES, ids=["merge", "strategic", "json"])
async def test_a_patch_is_warned_of_it_unless_it_wants_to_ignore_it(web, language, body, complaints):
    status, _, headers = await web.ask("PATCH", f"{SETS}/web", body, language)
    wanted = ['299 - "{}"'.format(one.replace('"', r"\"")) for one in complaints]
    assert (status, headers.getall("Warning")) == (200, wanted)
    status, _, headers = await web.ask("PATCH", f"{SETS}/web?fieldValidation=Ignore", body, language)
    assert (status, headers.getall("Warning", [])) == (200, [])


async def test_a_patch_that_makes_no_object_of_the_kind_is_shown(web):
    body = '{"spec":{"replicas":"x","template":null,"selector":{"matchLabels":["a",true]}}}'
    status, answer, _ = await web.ask("PATCH", f"{SETS}/web", body, STRATEGIC)
    [cause] = answer["details"]["causes"]
    assert (status, cause["field"]) == (422, "patch")
    assert '"map[spec:map[replicas:x selector:map[matchLabels:[a true]] template:<nil>]]"' in cause["message"]
    assert "kind" not in answer["details"]


async def test_yaml_tells_every_line_that_says_a_key_again(api):
    await api.namespace("default")
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: '1'\n  a: '2'\n  b: '1'\n  b: '2'\n"
    path = "/api/v1/namespaces/default/configmaps?fieldValidation=Strict"
    status, answer, _ = await api.ask("POST", path, body, "application/yaml")
    assert status == 400
    lines = 'yaml: unmarshal errors:\n  line 6: key "a" already set in map\n  line 8: key "b" already set in map'
    assert answer["message"].endswith(f"strict decoding error: {lines}")
