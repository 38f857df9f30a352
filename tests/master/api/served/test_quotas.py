"""Quotas over a whole server: counted at once, exact when many ask together, nothing counted that was not made."""

import asyncio

PODS = "/api/v1/namespaces/q/configmaps"
QUOTAS = "/api/v1/namespaces/q/resourcequotas"


async def bounded(api, **hard):
    """A namespace with a quota that has used nothing yet."""
    await api.namespace("q")
    hard = {name.replace("_", "/"): text for name, text in hard.items()}
    await add(api, "few", hard)


async def add(api, name, hard):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": hard}}
    await api.create(QUOTAS, quota)
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    code, answer, _ = await api.ask("PATCH", f"{QUOTAS}/{name}/status", status, "application/merge-patch+json")
    assert code == 200, answer


async def make(api, name, query=""):
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
    status, answer, _ = await api.ask("POST", PODS + query, config_map, "application/json")
    return status, answer.get("message", "")


async def used(api, name="few"):
    return (await api.ask("GET", f"{QUOTAS}/{name}"))[1]["status"]["used"]


async def test_of_many_at_once_as_many_are_made_as_are_allowed(api):
    await bounded(api, configmaps="7")
    answers = await asyncio.gather(*(make(api, f"c{number}") for number in range(40)))
    assert sorted(status for status, _ in answers) == [201] * 7 + [403] * 33
    assert await used(api) == {"configmaps": "7"}


async def test_the_refusal_says_by_how_much(api):
    await bounded(api, configmaps="0")
    said = "exceeded quota: few, requested: configmaps=1, used: configmaps=0, limited: configmaps=0"
    assert await make(api, "c") == (403, f'configmaps "c" is forbidden: {said}')


async def test_a_dry_run_is_judged_and_not_counted(api):
    await bounded(api, count_configmaps="1")
    assert (await make(api, "c", "?dryRun=All"))[0] == 201
    assert await used(api) == {"count/configmaps": "0"}


async def test_what_exists_already_is_not_counted_again(api):
    await bounded(api, configmaps="5")
    assert (await make(api, "c"))[0] == 201
    assert (await make(api, "c"))[0] == 409
    assert await used(api) == {"configmaps": "1"}


async def test_two_quotas_are_charged_together_or_not_at_all(api):
    await bounded(api, configmaps="5")
    await add(api, "fewer", {"count/configmaps": "1"})
    assert [(await make(api, name))[0] for name in "ab"] == [201, 403]
    assert await used(api) == {"configmaps": "1"}
    assert await used(api, "fewer") == {"count/configmaps": "1"}


async def test_a_quota_that_was_never_counted_refuses(api):
    await api.namespace("q")
    spec = {"hard": {"configmaps": "1"}}
    await api.create(QUOTAS, {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "new"}, "spec": spec})
    said = "status unknown for quota: new, resources: configmaps"
    assert await make(api, "c") == (403, f'configmaps "c" is forbidden: {said}')


async def test_a_service_that_becomes_public_takes_node_ports(api):
    await bounded(api, **{"services.nodeports": "1"})
    path = "/api/v1/namespaces/q/services"
    spec = {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}
    await api.create(path, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec})
    change = {"spec": {"type": "NodePort"}}
    status, answer, _ = await api.ask("PATCH", f"{path}/s", change, "application/merge-patch+json")
    assert (status, "requested: services.nodeports=2" in answer["message"]) == (403, True)
