"""The real server's answers, asked again of ours: every recorded request, in order, over a memory store.

What differs is listed by name below, each with its reason; a row that begins to agree has to leave the list.
"""

import asyncio
import json

import pytest

from kube import times

SECONDS = "2026-01-02T03:04:05Z"

# recording → {name: why it differs}
DIFFERENT: dict[str, dict[str, str]] = {
    "errors": {
        "resourceVersion on create": "the reference answers 500",
        "bad watch version": "the reference answers 500",
    },
    "apply": {"dep unknown field": "the reference answers 500"},
    "discovery": {
        "versions": "another address",
        "root": "another set of documents",
        "version": "another program",
        "readyz verbose": "other checks",
    },
    "patches": {
        "unknown directive": "the reference answers 500",
        "no merge key": "the reference answers 500",
    },
    "tables": {"DaemonSet 23": "the recorded object has an annotation that its recorded row has not"},
}

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture
def differences(recording, agrees):
    """Ask every row of a recording; the rows that differ, with what was answered."""

    async def replay(api, name, rows=None):
        found = {}
        for row in rows if rows is not None else recording(name):
            status, answer, headers = await api.ask(
                row["method"], row["path"], row.get("body"), row.get("type", ""), row.get("accept", "")
            )
            trouble = agrees(row, status, answer, headers)
            if trouble:
                found[row["name"]] = trouble
        return found

    return replay


def judge(name, found, total, capsys):
    expected = DIFFERENT.get(name, {})
    with capsys.disabled():
        print(f"\n{name}: {total - len(found)} of {total} recorded answers agree")
    unexpected = {row: why for row, why in found.items() if row not in expected}
    assert not unexpected, json.dumps(unexpected, indent=1)[:6000]
    assert not set(expected) - set(found), "these agree now: take them from the list"


async def test_errors(api, recording, differences, capsys):
    await api.namespace("default")
    found = await differences(api, "errors")
    judge("errors", found, len(recording("errors")), capsys)


async def test_lists(api, recording, differences, capsys):
    for namespace in ("default", "kube-system", "listed"):
        await api.namespace(namespace)
    await api.create("/api/v1/namespaces/default/configmaps", config_map("x"))
    await api.create("/api/v1/namespaces/kube-system/configmaps", config_map("other"))
    for number in range(7):
        labels = {"all": "y", "n": str(number % 2)}
        await api.create("/api/v1/namespaces/listed/configmaps", config_map(f"c{number}", labels))
    found = await differences(api, "lists")
    judge("lists", found, len(recording("lists")), capsys)


async def test_tables(api, recording, differences, capsys):
    rows = recording("tables")
    for task in api.server.beside:  # definitions and policies are shown as they were recorded
        task.cancel()
    for row in rows:
        obj = row["object"]
        if obj["metadata"]["creationTimestamp"] == "*":
            obj["metadata"]["creationTimestamp"] = times.now()
        await api.store_as_is(obj)
        cells = row["answer"]["rows"][0]["cells"]
        for index, column in enumerate(row["answer"]["columnDefinitions"]):
            column["description"] = ""
            cells[index] = "*" if column["type"] == "date" else cells[index]
    found = await differences(api, "tables", rows)
    judge("tables", found, len(rows), capsys)


async def test_discovery(api, recording, differences, capsys):
    rows = recording("discovery")
    for row in rows:
        if row["name"].startswith("aggregated"):
            row["accept"] = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
    found = await differences(api, "discovery", rows)
    judge("discovery", found, len(rows), capsys)


@pytest.mark.parametrize("name", ["patches", "apply", "services"])
async def test_sequences(api, recording, differences, capsys, name):
    for namespace in ("default", "svc"):
        await api.namespace(namespace)
        await api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", named("ServiceAccount", "default"))
    found = {}
    for row in recording(name):
        await UNRECORDED.get((name, row["name"]), nothing)(api)
        found |= await differences(api, name, [row])
    judge(name, found, len(recording(name)), capsys)


# What happened between recorded rows.


async def nothing(_api):
    """Most rows follow the one before."""


async def run_and_protect(api):
    """The pod runs, and a budget forbids its eviction."""
    path = "/api/v1/namespaces/svc/pods/p/status"
    ready = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}
    status = {"phase": "Running", "conditions": [ready]}
    code, answer, _ = await api.ask("PATCH", path, {"status": status}, "application/strategic-merge-patch+json")
    assert code == 200, answer
    budgets = "/apis/policy/v1/namespaces/svc/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": spec}
    await api.create(budgets, budget)
    counted = {"observedGeneration": 1, "desiredHealthy": 1, "currentHealthy": 1, "disruptionsAllowed": 0}
    counted |= {"expectedPods": 1}
    await api.ask("PATCH", f"{budgets}/b/status", {"status": counted}, "application/merge-patch+json")


async def another_pod(api):
    spec = {"containers": [{"name": "c", "image": "registry.local/app:1"}], "schedulerName": "none"}
    meta = {"name": "q", "labels": {"a": "b"}}
    await api.create("/api/v1/namespaces/svc/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})


UNRECORDED = {("services", "evict refused"): run_and_protect, ("services", "delete unscheduled"): another_pod}


async def test_watches(api, recording, difference, capsys):
    rows = recording("watches")
    found = {}
    for row in rows:
        events = await watched(api, row)
        for event in events:
            event["object"]["metadata"].pop("managedFields", None)  # the recording leaves them out
        trouble = difference(row["events"], events)
        if trouble:
            found[row["name"]] = trouble
    judge("watches", found, len(rows), capsys)


async def watched(api, row):
    """The events of one recorded watch, over the seven writes that ran while it was open."""
    namespace = "rec-watch"
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    await api.clear()
    await api.namespace(namespace)
    root = config_map("kube-root-ca.crt") | {"data": {"ca.crt": ""}}
    root["metadata"]["annotations"] = {"kubernetes.io/description": ROOT_CA}
    await api.create(path, root)
    await api.create(path, config_map("before", {"x": "1"}))
    revision = str(api.server.cache.revision)
    first = str(api.first_revision)
    query = row["path"].replace("resourceVersion=1", f"resourceVersion={first}").replace("REV", revision)
    async with api.watch(query.replace("timeoutSeconds=8", "timeoutSeconds=1").replace("=3", "=1")) as stream:
        await seven_writes(api, path)
        return await stream.until(len(row["events"]))


async def seven_writes(api, path):
    await api.create(path, config_map("one", {"x": "1"}))
    for labels, data in (("1", "v"), ("2", "v"), ("2", "w"), ("1", "w")):
        await api.ask(
            "PUT", f"{path}/one", config_map("one", {"x": labels}) | {"data": {"k": data}}, "application/json"
        )
    for name in ("one", "before"):
        await api.ask("DELETE", f"{path}/{name}")
    await asyncio.sleep(0)


def named(kind, name):
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def config_map(name, labels=None):
    meta = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


ROOT_CA = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)
