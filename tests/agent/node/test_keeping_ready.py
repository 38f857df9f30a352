"""The node's loop over an API in memory: what it tells, and what it does not say too early."""

import asyncio

from agent.node.capacity import Capacity
from agent.node.objects import Health, Identity
from agent.node.running import NodeKeeper

READY = {"type": "Ready", "status": "True", "lastTransitionTime": "then"}


class Api:
    def __init__(self, *conditions):
        labels = {"labels": {}}
        self.node = {"metadata": {"name": "me", "uid": "u"} | labels, "status": {"conditions": list(conditions)}}
        self.told = asyncio.Queue()
        self.bodies = []

    async def get(self, kind, namespace, name):
        return self.node

    async def patch(self, kind, namespace, name, body, **_how):
        if "status" in body:
            self.bodies.append(body["status"])
            self.told.put_nowait({c["type"]: c["status"] for c in body["status"]["conditions"]})
        return self.node


def keeper(api, problems, said):
    """One problem a look; the last one stays."""

    async def health():
        return Health(network=problems.pop(0) if len(problems) > 1 else problems[0])

    async def info():
        return {"bootID": "now"}

    async def images():
        return []

    looks = (health, info, images)
    made = NodeKeeper(api, Identity("me", "192.0.2.1", "arm64"), Capacity(1, 1 << 30, 1 << 30), None, *looks, lambda: 0.0,
                      lambda *words: said.append(words[1]), lambda: None)  # fmt: skip
    made._node = api.node
    return made


async def reported(made, api):
    task = asyncio.create_task(made._report_forever())
    for _ in range(3):
        made.changed()
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        told = await api.told.get()
    task.cancel()
    return told


async def test_a_new_agent_does_not_take_readiness_from_its_node():
    api, said = Api(READY), []
    told = await reported(keeper(api, ["no pod range yet", "no pod range yet", ""], said), api)
    assert told["Ready"] == "True" and "NodeNotReady" not in said


async def test_a_resource_that_others_advertise_is_told_as_allocatable():
    api = Api(READY)
    made = keeper(api, [""], [])
    node = {"metadata": {"name": "me"}, "status": {"capacity": {"example.com/foo": "5"}}}
    made.node_changed("MODIFIED", api.node, {**node, "metadata": {"name": "other"}})
    assert not made._wake.is_set()
    made.node_changed("MODIFIED", api.node, node)
    assert made._wake.is_set()
    made.own_node = lambda: node
    await reported(made, api)
    assert api.bodies[-1]["allocatable"]["example.com/foo"] == "5"


async def test_a_node_that_was_not_ready_says_at_once_why():
    api, said = Api(), []
    told = await reported(keeper(api, ["no pod range yet", ""], said), api)
    assert told["Ready"] == "False"
    assert said[:3] == ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"]
