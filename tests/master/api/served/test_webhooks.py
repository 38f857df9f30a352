"""Admission webhooks: a real HTTPS server that denies, completes, warns, is late or is gone, asked by a whole API server."""

import asyncio
import base64
import json
from datetime import UTC, datetime

import pytest

from kube.certificates import make_ca
from kube.kinds import known

CONFIG_MAPS = "/api/v1/namespaces/w/configmaps"
GROUP = "/apis/admissionregistration.k8s.io/v1"
RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]
JSON_PATCH = "JSONPatch"
MERGE = "application/merge-patch+json"
NOW = datetime.now(UTC)
GONE = 9  # nobody listens on the discard port


async def configure(api, kind, name, *specs):
    plural = known("admissionregistration.k8s.io/v1", kind).plural
    obj = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}}
    await api.create(f"{GROUP}/{plural}", obj | {"webhooks": list(specs)})


async def mutating(api, *specs, name="m"):
    await configure(api, "MutatingWebhookConfiguration", name, *specs)


async def validating(api, *specs, name="v"):
    await configure(api, "ValidatingWebhookConfiguration", name, *specs)


async def make(api, name="c", query="", **members):
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} | members
    return await api.ask("POST", CONFIG_MAPS + query, obj, "application/json")


def patched(*operations):
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": JSON_PATCH, "patch": patch}


@pytest.fixture(autouse=True)
async def namespace(api):
    await api.namespace("w")


async def test_a_denial_is_told_in_the_webhooks_words(api, webhook):
    webhook.answers["/no"] = lambda _: {"allowed": False, "status": {"message": "not today", "code": 403}}
    await validating(api, webhook.spec("/no"))
    status, answer, _ = await make(api)
    said = 'admission webhook "hook.example.com" denied the request: not today'
    assert (status, answer["message"]) == (403, said)


async def test_a_denial_without_a_word(api, webhook):
    webhook.answers["/no"] = lambda _: {"allowed": False}
    await validating(api, webhook.spec("/no"))
    status, answer, _ = await make(api)
    assert (status, answer["message"].split("request ")[1]) == (400, "without explanation")


async def test_it_is_asked_in_full(api, webhook):
    webhook.answers["/yes"] = lambda _: {"allowed": True}
    await validating(api, webhook.spec("/yes"))
    await make(api, query="?fieldManager=me")
    ((_, asked),) = webhook.asked
    assert asked["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert asked["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (asked["name"], asked["namespace"], asked["operation"], asked["dryRun"]) == ("c", "w", "CREATE", False)
    assert asked["userInfo"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    assert (asked["object"]["kind"], asked["oldObject"]) == ("ConfigMap", None)
    assert asked["options"]["kind"] == "CreateOptions"


async def test_a_patch_changes_what_is_stored(api, webhook):
    webhook.answers["/label"] = lambda _: patched({"op": "add", "path": "/data", "value": {"by": "hook"}})
    await mutating(api, webhook.spec("/label"))
    status, answer, _ = await make(api)
    assert (status, answer["data"]) == (201, {"by": "hook"})


async def test_a_patch_that_does_not_apply_fails_the_write(api, webhook):
    webhook.answers["/label"] = lambda _: patched({"op": "remove", "path": "/data/none"})
    await mutating(api, webhook.spec("/label"))
    assert (await make(api))[0] == 500


async def test_an_earlier_webhook_that_asks_for_it_sees_what_came_later(api, webhook):
    def counting(asked):
        seen = ",".join(sorted(asked["object"].get("data") or {}))
        return patched({"op": "add", "path": "/metadata/annotations", "value": {"seen": seen}})

    webhook.answers["/first"] = counting
    webhook.answers["/second"] = lambda _: patched({"op": "add", "path": "/data", "value": {"k": "v"}})
    first = webhook.spec("/first", "first.example.com", reinvocationPolicy="IfNeeded")
    await mutating(api, first, webhook.spec("/second", "second.example.com"))
    _, answer, _ = await make(api)
    assert [path for path, _ in webhook.asked] == ["/first", "/second", "/first"]
    assert answer["metadata"]["annotations"] == {"seen": "k"}


async def test_configurations_are_asked_by_name(api, webhook):
    for name in ("b", "a"):
        webhook.answers[f"/{name}"] = lambda _: {"allowed": True}
        await mutating(api, webhook.spec(f"/{name}"), name=name)
    await make(api)
    assert [path for path, _ in webhook.asked] == ["/a", "/b"]


async def test_warnings_reach_the_client(api, webhook):
    webhook.answers["/warn"] = lambda _: {"allowed": True, "warnings": ["mind the gap"]}
    await validating(api, webhook.spec("/warn"))
    _, _, headers = await make(api)
    assert headers["Warning"] == '299 - "mind the gap"'


async def test_a_dead_webhook_fails_the_write_or_is_passed_over(api, webhook):
    await validating(api, webhook.spec("/x", port=GONE))
    status, answer, _ = await make(api)
    assert (status, answer["reason"]) == (500, "InternalError")
    began = 'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: Post "https:'
    assert answer["message"].startswith(began)
    await api.ask("DELETE", f"{GROUP}/validatingwebhookconfigurations/v")
    await validating(api, webhook.spec("/x", port=GONE, failurePolicy="Ignore"))
    assert (await make(api))[0] == 201


async def test_a_late_answer_is_none(api, webhook):
    never = asyncio.Event()

    async def late(_asked):
        await never.wait()
        return {"allowed": True}

    webhook.answers["/late"] = late
    await validating(api, webhook.spec("/late", timeoutSeconds=1))
    status, answer, _ = await make(api)
    never.set()
    assert (status, answer["message"].endswith("context deadline exceeded")) == (500, True)


async def test_a_certificate_of_another_authority_is_not_believed(api, webhook):
    webhook.bundle = base64.b64encode(make_ca("others", NOW).certificate).decode()
    await validating(api, webhook.spec("/x"))
    status, answer, _ = await make(api)
    assert (status, "certificate verify failed" in answer["message"]) == (500, True)


async def test_an_answer_to_another_question_is_refused(api, webhook):
    webhook.answers["/other"] = lambda _: {"allowed": True, "uid": "x"}
    await validating(api, webhook.spec("/other"))
    status, answer, _ = await make(api)
    assert (status, "expected response.uid" in answer["message"]) == (500, True)


@pytest.mark.parametrize("effects, code", [("None", 201), ("NoneOnDryRun", 201)])
async def test_a_dry_run_is_told(api, webhook, effects, code):
    webhook.answers["/dry"] = lambda _: {"allowed": True}
    await validating(api, webhook.spec("/dry", sideEffects=effects))
    assert (await make(api, query="?dryRun=All"))[0] == code
    assert webhook.asked[0][1]["dryRun"] is True


@pytest.mark.parametrize(
    "members, asked",
    [
        ({"objectSelector": {"matchLabels": {"a": "b"}}}, True),
        ({"objectSelector": {"matchLabels": {"a": "c"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "w"}}}, True),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}, False),
        ({"rules": [RULES[0] | {"operations": ["DELETE"]}]}, False),
        ({"rules": [RULES[0] | {"resources": ["*/*"]}]}, True),
        ({"rules": [RULES[0] | {"resources": ["configmaps/*"]}]}, True),
        ({"rules": [RULES[0] | {"resources": ["pods"]}]}, False),
        ({"rules": [RULES[0] | {"scope": "Cluster"}]}, False),
        ({"matchConditions": [{"name": "c", "expression": "object.metadata.name == 'c'"}]}, True),
        ({"matchConditions": [{"name": "c", "expression": "request.userInfo.username != 'admin'"}]}, False),
        (
            {"matchConditions": [{"name": "c", "expression": "oldObject == null && request.operation == 'CREATE'"}]},
            True,
        ),
    ],
    ids=str,
)
async def test_who_is_asked(api, webhook, members, asked):
    webhook.answers["/any"] = lambda _: {"allowed": True}
    await validating(api, webhook.spec("/any", **members))
    await make(api, metadata={"name": "c", "labels": {"a": "b"}})
    assert bool(webhook.asked) is asked


async def test_its_own_configuration_can_always_go(api, webhook):
    everything = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}]
    await validating(api, webhook.spec("/x", port=GONE, rules=everything))
    assert (await make(api))[0] == 500
    assert (await api.ask("DELETE", f"{GROUP}/validatingwebhookconfigurations/v"))[0] == 200
    assert (await make(api))[0] == 201


async def test_built_in_plugins_see_what_a_webhook_has_changed(api, webhook):
    preferred = {"op": "add", "path": "/spec/priorityClassName", "value": "system-node-critical"}
    webhook.answers["/pod"] = lambda _: patched(preferred)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    await api.create("/api/v1/namespaces/w/serviceaccounts", account)
    await mutating(api, webhook.spec("/pod", rules=[RULES[0] | {"resources": ["pods"]}]))
    spec = {"containers": [{"name": "c", "image": "registry.local/app:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
    status, answer, _ = await api.ask("POST", "/api/v1/namespaces/w/pods", pod, "application/json")
    assert status == 403, answer
    assert "no PriorityClass with name system-node-critical" in answer["message"]


PARTS = {
    "exec": ("pods/p/exec?command=ls&command=-l&container=c&stdout=true", "CONNECT", "PodExecOptions"),
    "attach": ("pods/p/attach?stdin=true", "CONNECT", "PodAttachOptions"),
    "port-forward": ("pods/p/portforward?ports=80,81", "CONNECT", "PodPortForwardOptions"),
    "binding": ("pods/p/binding", "CREATE", "Binding"),
    "eviction": ("pods/p/eviction", "CREATE", "Eviction"),
}
OPTIONS = {
    "exec": {"stdout": True, "container": "c", "command": ["ls", "-l"]},
    "attach": {"stdin": True},
    "port-forward": {"ports": [80, 81]},
}


@pytest.mark.parametrize("name", PARTS)
async def test_parts_of_pods_can_be_denied(api, webhook, name):
    path, operation, kind = PARTS[name]
    webhook.answers["/no"] = lambda _: {"allowed": False, "status": {"message": "not here"}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": [operation], "resources": ["pods/*"]}
    await validating(api, webhook.spec("/no", rules=[rule]))
    body = {"kind": kind, "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    body["apiVersion"] = "policy/v1" if kind == "Eviction" else "v1"
    if kind == "Eviction":
        del body["target"]
    status, answer, _ = await api.ask("POST", f"/api/v1/namespaces/w/{path}", body, "application/json")
    assert (status, answer["message"].endswith("not here")) == (400, True), answer
    ((_, asked),) = webhook.asked
    assert (asked["kind"]["kind"], asked["resource"]["resource"]) == (kind, "pods")
    assert asked["subResource"] == path.partition("?")[0].rpartition("/")[2]
    assert asked["object"].items() >= ({"kind": kind} | OPTIONS.get(name, {})).items()


async def test_a_scale_is_shown_as_one(api, webhook):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}
    await api.create("/apis/apps/v1/namespaces/w/deployments", deployment)
    webhook.answers["/more"] = lambda _: patched({"op": "replace", "path": "/spec/replicas", "value": 5})
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments/scale"]}
    await mutating(api, webhook.spec("/more", rules=[rule]))
    status, answer, _ = await api.ask(
        "PATCH", "/apis/apps/v1/namespaces/w/deployments/d/scale", {"spec": {"replicas": 2}}, MERGE
    )
    assert (status, answer["kind"], answer["spec"]["replicas"]) == (200, "Scale", 5)
    ((_, asked),) = webhook.asked
    assert asked["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    assert (asked["object"]["spec"], asked["oldObject"]["spec"]) == ({"replicas": 2}, {"replicas": 1})


@pytest.mark.parametrize(("policy", "asked"), [("Equivalent", 1), ("Exact", 0)])
async def test_another_version_of_the_resource(api, webhook, policy, asked):
    def target(request):
        wanted = request["object"]["spec"]["targetCPUUtilizationPercentage"]
        return patched({"op": "replace", "path": "/spec/targetCPUUtilizationPercentage", "value": wanted + 1})

    webhook.answers["/v1"] = target
    rule = {"apiGroups": ["autoscaling"], "apiVersions": ["v1"], "operations": ["CREATE"]}
    rule["resources"] = ["horizontalpodautoscalers"]
    await mutating(api, webhook.spec("/v1", rules=[rule], matchPolicy=policy))
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}
    metric["resource"]["target"]["averageUtilization"] = 50
    spec = {
        "maxReplicas": 3,
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
        "metrics": [metric],
    }
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
    made = await api.create("/apis/autoscaling/v2/namespaces/w/horizontalpodautoscalers", scaler | {"spec": spec})
    assert made["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50 + asked
    assert [(one["kind"]["version"], one["requestKind"]["version"]) for _, one in webhook.asked] == [
        ("v1", "v2")
    ] * asked


async def test_custom_resources_in_the_version_of_the_webhook(api, webhook):
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"size": {"type": "integer"}}}}
    versions = [{"name": name, "served": True, "storage": name == "v1", "schema": schema} for name in ("v1", "v2")]
    names = {"plural": "ships", "kind": "Ship"}
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    definition |= {"metadata": {"name": "ships.sea.example.com"}}
    definition["spec"] = {"group": "sea.example.com", "scope": "Cluster", "names": names, "versions": versions}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with asyncio.timeout(10), api.watch(path) as stream:
        await api.create(path, definition)
        conditions = []
        while ("Established", "True") not in [(one["type"], one["status"]) for one in conditions]:
            conditions = ((await stream.next())["object"].get("status") or {}).get("conditions") or []
    webhook.answers["/more"] = lambda _: patched(
        {"op": "add", "path": "/size", "value": 3}, {"op": "add", "path": "/unknown", "value": 3}
    )
    rule = {"apiGroups": ["sea.example.com"], "apiVersions": ["v2"], "operations": ["*"], "resources": ["ships"]}
    await mutating(api, webhook.spec("/more", rules=[rule]))
    ship = {"apiVersion": "sea.example.com/v1", "kind": "Ship", "metadata": {"name": "s"}}
    made = await api.create("/apis/sea.example.com/v1/ships", ship)
    assert (made["apiVersion"], made["size"], "unknown" in made) == ("sea.example.com/v1", 3, False)
    ((_, asked),) = webhook.asked
    assert asked["object"]["apiVersion"] == "sea.example.com/v2"
    assert asked["requestKind"] == {"group": "sea.example.com", "version": "v1", "kind": "Ship"}


async def test_an_old_webhook_is_asked_in_its_own_version(api, webhook):
    patch = base64.b64encode(json.dumps([{"op": "add", "path": "/data", "value": {"by": "hook"}}]).encode()).decode()
    webhook.answers["/old"] = lambda _: {"uid": "", "allowed": True, "patch": patch}
    await mutating(api, webhook.spec("/old", admissionReviewVersions=["v0", "v1beta1", "v1"]))
    status, answer, _ = await make(api)
    assert (status, answer["data"]) == (201, {"by": "hook"})
