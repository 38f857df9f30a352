"""A runtime and an API in memory that record what they are asked, and an agent over them."""

import asyncio
import itertools
import time
from dataclasses import replace

import pytest

from agent.clocks import Clocks
from agent.pods.agent import PodAgent
from agent.pods.places import NodeFacts, Paths
from agent.runtime.contract import RuntimeFailure
from agent.runtime.words import Container, ContainerState, ContainerStatus, Exit, Image, Outcome, Sandbox
from kube.errors import not_found
from kube.informers import Informer
from kube.kinds import kind_of
from kube.patches import strategic

NODE = {"metadata": {"name": "node", "uid": "node-uid"}}


class FakeRuntime:
    """Containers run until `end` is called; `script` may name what a call does instead, by its method."""

    def __init__(self):
        self.sandboxes, self.containers, self.statuses = {}, {}, {}
        self.started, self.stopped, self.pulled, self.script = [], [], [], {}
        self.signalled = []
        self.images = {"i": Image("i", ("i",), (), 1)}
        self.told = asyncio.Queue()
        self.exec_code = 0
        self.used = []
        self.ahead = 0.0
        self.ticks = itertools.count(time.time(), 0.001)

    def date(self):
        """The wall's clock, which is `ahead`."""
        return next(self.ticks) + self.ahead

    async def _scripted(self, method, *arguments):
        action = self.script.get(method)
        if isinstance(action, Exception):
            raise action
        if action:
            await action(*arguments)

    async def run_sandbox(self, config):
        await self._scripted("run_sandbox", config)
        key = f"s{config.attempt}-{config.uid}"
        self.sandboxes[key] = Sandbox(
            key, config.name, config.namespace, config.uid, config.attempt, True, self.date(),
            config.labels, config.annotations, ("10.42.0.2",),
        )  # fmt: skip
        return key

    async def sandbox_status(self, sandbox_id):
        return self.sandboxes.get(sandbox_id)

    async def list_sandboxes(self, labels=None):
        await self._scripted("list_sandboxes")
        return [s for s in self.sandboxes.values() if (labels or {}).items() <= s.labels.items()]

    async def stop_sandbox(self, sandbox_id):
        self.sandboxes[sandbox_id] = replace(self.sandboxes[sandbox_id], ready=False)

    async def remove_sandbox(self, sandbox_id):
        self.sandboxes.pop(sandbox_id, None)

    async def create_container(self, sandbox_id, config, sandbox):
        await self._scripted("create_container", config)
        key = f"{config.name}{config.attempt}-{sandbox_id}"
        self.containers[key] = Container(
            key, sandbox_id, config.name, config.attempt, config.image, config.image, ContainerState.CREATED,
            self.date(), config.labels, config.annotations,
        )  # fmt: skip
        self.statuses[key] = ContainerStatus(key, config.name, config.attempt, ContainerState.CREATED, "i", "i")
        return key

    async def start_container(self, container_id):
        await self._scripted("start_container", container_id)
        container = self.containers[container_id]
        self.started.append((container.name, container.attempt))
        self._set(container_id, state=ContainerState.RUNNING, started_at=self.date())

    async def stop_container(self, container_id, grace):
        self.stopped.append((self.containers[container_id].name, grace))
        await self._scripted("stop_container", container_id, grace)
        self.end(container_id, 137)

    async def signal_container(self, container_id, number):
        self.signalled.append((self.containers[container_id].name, number))
        await self._scripted("signal_container", container_id, number)

    async def remove_container(self, container_id):
        self.containers.pop(container_id, None)
        self.statuses.pop(container_id, None)

    async def list_containers(self, labels=None):
        return [c for c in self.containers.values() if (labels or {}).items() <= c.labels.items()]

    async def container_status(self, container_id):
        return self.statuses.get(container_id)

    async def reopen_log(self, container_id):
        await self._scripted("reopen_log", container_id)

    async def usage(self):
        return self.used

    async def exec_sync(self, container_id, command, timeout):
        await self._scripted("exec_sync", container_id)
        return Outcome(self.exec_code, b"", b"")

    async def image_status(self, image):
        return self.images.get(image)

    async def pull_image(self, image, login=None):
        self.pulled.append(image)
        await self._scripted("pull_image", image)
        self.images[image] = Image(image, (image,), (), 1)
        return image

    async def exits(self):
        while True:
            yield await self.told.get()

    def end(self, container_id, code):
        if self.statuses[container_id].state is ContainerState.RUNNING:
            self._set(container_id, state=ContainerState.EXITED, exit_code=code, finished_at=self.date())
            self.told.put_nowait(Exit(container_id, code))

    def _set(self, container_id, **changes):
        self.statuses[container_id] = replace(self.statuses[container_id], **changes)
        self.containers[container_id] = replace(self.containers[container_id], state=changes["state"])

    def one(self, name):
        """The id of the only container of that name."""
        (found,) = [c.id for c in self.containers.values() if c.name == name]
        return found


class FakeApi:
    """Pods as the API would hold them; `events` are the reasons told."""

    def __init__(self):
        self.informer = Informer(self, kind_of({"apiVersion": "v1", "kind": "Pod"}))
        self.informer.synced.set()
        self.events, self.deleted, self.phases = [], [], []
        self._news = asyncio.Condition()

    def put(self, pod):
        self.informer.apply((pod["metadata"]["namespace"], pod["metadata"]["name"]), pod)

    def add(self, *containers, name="p", **spec):
        containers = [{"image": "i", "imagePullPolicy": "IfNotPresent"} | c for c in containers or ({"name": "c"},)]
        meta = {"name": name, "namespace": "n", "uid": f"uid-{name}", "resourceVersion": "1"}
        self.put({"metadata": meta, "spec": {"containers": containers} | spec, "status": {"phase": "Pending"}})

    def get(self, name="p"):
        return self.informer.store.get(("n", name))

    def delete_pod(self, name="p", grace=30):
        gone = {"deletionTimestamp": "then", "deletionGracePeriodSeconds": grace}
        self.put({**self.get(name), "metadata": self.get(name)["metadata"] | gone})

    async def until(self, condition, name="p"):
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: condition(self.get(name)))
        return self.get(name)

    async def patch(self, kind, namespace, name, body, type="merge", subresource="", manager=""):
        if kind.kind == "Event":
            return body
        pod = self.informer.store.get((namespace, name))
        if pod is None:
            raise not_found("pods", name)
        patched = strategic.apply(kind, pod, {"status": body["status"]})
        version = str(int(pod["metadata"]["resourceVersion"]) + 1)
        self.put({**patched, "metadata": patched["metadata"] | {"resourceVersion": version}})
        self.phases.append(patched["status"]["phase"])
        await self._tell()
        return patched

    async def delete(self, kind, namespace, name, grace=None, uid=""):
        self.deleted.append((name, grace, uid))
        self.informer.apply((namespace, name), None)
        await self._tell()

    async def create(self, kind, namespace, obj, subresource="", name=""):
        if kind.kind == "Pod":
            self.put(
                obj | {"metadata": obj["metadata"] | {"uid": f"uid-{obj['metadata']['name']}", "resourceVersion": "1"}}
            )
            return obj
        self.events.append(obj["reason"])
        return obj

    async def _tell(self):
        async with self._news:
            self._news.notify_all()


@pytest.fixture
def api():
    return FakeApi()


@pytest.fixture
def runtime():
    return FakeRuntime()


@pytest.fixture
def manifests(tmp_path):
    (tmp_path / "manifests").mkdir()
    return tmp_path / "manifests"


@pytest.fixture
async def agent(api, runtime, tmp_path, manifests):
    facts = NodeFacts("node", ("192.0.2.1",))
    paths = Paths(tmp_path / "pods", tmp_path / "logs")
    seams = {"own_node": lambda: NODE, "manifests": manifests, "clocks": Clocks(lambda: time.time() + runtime.ahead)}
    pods = PodAgent(api, runtime, api.informer, lambda: facts, paths, cgroups=False, **seams)
    running = asyncio.create_task(pods.run())
    yield pods
    assert not running.done(), running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def failure():
    return RuntimeFailure
