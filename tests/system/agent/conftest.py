"""A containerd of the test's own: root, state, socket, CNI bridge and subnet nobody else has; all of it gone afterwards."""

import asyncio
import itertools
import json
import os
import subprocess
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.pods import cgroups
from agent.pods.agent import PodAgent
from agent.pods.places import NodeFacts, Paths
from agent.runtime.client import Containerd
from agent.runtime.configuration import ContainerdPlace, containerd_config
from kube.errors import not_found
from kube.informers import Informer
from kube.kinds import kind_of
from kube.patches import strategic
from provisioning.images.archives import build_archive
from provisioning.images.catalogue import images


@dataclass
class Node:
    """Where the running containerd lies."""

    place: ContainerdPlace
    folder: Path
    cgroup: str
    process: subprocess.Popen | None = None

    def start(self):
        with (self.folder / "containerd.log").open("ab") as log:
            self.process = subprocess.Popen(("containerd", "-c", self.folder / "config.toml"), stdout=log, stderr=log)
        wait_for_socket(self.place.socket, self.process)

    def kill(self):
        """As a crash would: containers run on under their shims."""
        self.process.kill()
        self.process.wait(10)
        self.place.socket.unlink()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="session")
def containerd(tmp_path_factory):
    # The root must lie on a real disk for overlayfs, and the socket's path must be short.
    folder = Path(tmp_path_factory.mktemp("node"))
    number = os.getpid() % 200
    bridge = f"wtest{os.getpid() % 100000}"
    place = ContainerdPlace(folder / "root", folder / "state", folder / "cni", socket=folder / "c.sock")
    place.cni_config.mkdir()
    (place.cni_config / "10-test.conflist").write_text(cni_config(bridge, number, folder))
    config = folder / "config.toml"
    config.write_text(containerd_config(place, restrict_oom_score_adj=True, apparmor=False))
    node = Node(place, folder, f"/{bridge}")
    try:
        node.start()
        asyncio.run(import_images(place.socket))
        yield node
    finally:
        asyncio.run(remove_all(place.socket))
        node.stop()
        cgroups.remove(node.cgroup)
        subprocess.run(("ip", "link", "delete", bridge), capture_output=True, check=False)
        unmount_below(folder)


def cni_config(bridge, number, folder):
    ipam = {"type": "host-local", "dataDir": f"{folder}/ipam", "ranges": [[{"subnet": f"10.211.{number}.0/24"}]]}
    ipam["routes"] = [{"dst": "0.0.0.0/0"}]
    plugin = {"type": "bridge", "bridge": bridge, "isGateway": True, "ipam": ipam}
    return json.dumps({"cniVersion": "0.4.0", "name": bridge, "plugins": [plugin]})


def wait_for_socket(socket, process):
    until = time.monotonic() + 20
    while not socket.exists():
        assert process.poll() is None, "containerd ended at once"
        assert time.monotonic() < until, "containerd made no socket"
        time.sleep(0.05)


async def import_images(socket):
    async def chunks():
        made = images()
        (busybox,) = (image for image in made if "busybox" in image.name)
        # The image that the recordings were made with: its busybox had no `false`.
        (layer,) = busybox.layers
        without = {path: entry for path, entry in layer.items() if path != "bin/false"}
        yield build_archive([*made, replace(busybox, name="docker.io/library/busybox:1", layers=(without,))])

    async with Containerd(socket) as runtime:
        await runtime.wait_ready(20)
        await runtime.import_image(chunks())


async def remove_all(socket):
    async with Containerd(socket) as runtime:
        for sandbox in await runtime.list_sandboxes():
            await runtime.stop_sandbox(sandbox.id)
            await runtime.remove_sandbox(sandbox.id)


def unmount_below(folder):
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{folder}/")), reverse=True):
        subprocess.run(("umount", "-l", mount), check=False)


@pytest.fixture
async def runtime(containerd):
    async with Containerd(containerd.place.socket) as runtime:
        yield runtime


class Api:
    """The part of the API server that a node's pods need, in memory: it keeps every status a pod was given, in order."""

    def __init__(self):
        self.informer = None
        self.objects = {}
        self.streams = {}
        self.events = []
        self.waiting = []
        self.numbers = itertools.count(1)

    def serve(self, informer):
        self.informer = informer
        informer.synced.set()

    def add_pod(self, name, spec, namespace="tests", labels=None):
        meta = {"name": name, "namespace": namespace, "uid": str(uuid.uuid4()), "generation": 1}
        meta["labels"] = labels or {}
        spec = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "nodeName": "node"} | spec
        scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        pod = {"metadata": meta, "spec": spec, "status": {"phase": "Pending", "conditions": [scheduled]}}
        self.streams[name] = []
        self._put(pod)
        return pod

    def pod(self, name, namespace="tests"):
        return self.informer.store.get((namespace, name))

    def delete_pod(self, name, grace=None, namespace="tests"):
        pod = self.pod(name, namespace)
        grace = pod["spec"]["terminationGracePeriodSeconds"] if grace is None else grace
        gone = {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": grace, "generation": 2}
        self._put({**pod, "metadata": pod["metadata"] | gone})

    def change_spec(self, name, spec, namespace="tests"):
        pod = self.pod(name, namespace)
        self._put({**pod, "spec": pod["spec"] | spec})

    async def seen(self, name, condition, seconds=20, namespace="tests"):
        """Wait until `condition(pod)` holds; pod is None when it is gone."""
        async with asyncio.timeout(seconds):
            while not condition(pod := self.pod(name, namespace)):
                await self.news()
        return pod

    def _put(self, pod):
        version = str(next(self.numbers))
        pod = {**pod, "metadata": pod["metadata"] | {"resourceVersion": version}}
        self._apply((pod["metadata"]["namespace"], pod["metadata"]["name"]), pod)

    def _apply(self, key, pod):
        if pod:
            self.streams[key[1]].append(pod["status"])
        self.informer.apply(key, pod)
        self._happened()

    def _happened(self):
        for waiting in self.waiting:
            waiting.set()
        self.waiting.clear()

    async def news(self):
        waiting = asyncio.Event()
        self.waiting.append(waiting)
        await waiting.wait()

    # What a client is asked

    async def patch(self, kind, namespace, name, body, type="merge", subresource="", manager=""):
        if kind.kind == "Event":
            return next(e for e in self.events if e["metadata"]["name"] == name) | body
        assert (kind.kind, type, subresource) == ("Pod", "strategic", "status"), (kind, type)
        pod = self.pod(name, namespace)
        if pod is None:
            raise not_found("pods", name)
        self._put(strategic.apply(kind, pod, {"status": body["status"]}))
        return self.pod(name, namespace)

    async def delete(self, kind, namespace, name, grace=None, uid="", **_):
        pod = self.pod(name, namespace)
        if pod is None or pod["metadata"]["uid"] != uid:
            raise not_found("pods", name)
        assert grace == 0
        self._apply((namespace, name), None)

    async def create(self, kind, namespace, obj, subresource="", name=""):
        if kind.kind == "Event":
            self.events.append(obj)
            self._happened()
            return obj
        if (kind.kind, subresource) == ("ServiceAccount", "token"):
            return {
                "spec": {"expirationSeconds": 3607},
                "status": {"token": f"token of {name}", "expirationTimestamp": "2099-01-01T00:00:00Z"},
            }
        raise AssertionError((kind.kind, subresource))

    async def get(self, kind, namespace, name, subresource=""):
        found = self.objects.get((kind.kind, namespace, name))
        if found is None:
            raise not_found(kind.plural, name)
        return found

    async def pages(self, kind, namespace="", labels="", fields=""):
        name = fields.removeprefix("metadata.name=")
        found = self.objects.get((kind.kind, namespace, name))
        yield ([found] if found else []), "1"

    async def watch(self, kind, namespace="", rv="", labels="", fields="", timeout=300):
        name = fields.removeprefix("metadata.name=")
        told = self.objects.get((kind.kind, namespace, name))
        while True:
            await asyncio.sleep(0.05)
            found = self.objects.get((kind.kind, namespace, name))
            if found is not told:
                yield ("MODIFIED" if found else "DELETED"), found or told
                told = found


@pytest.fixture
def api():
    return Api()


@pytest.fixture
async def agent(api, runtime, containerd, request):
    """A running PodAgent; `agent.restart()` ends it and starts another over the same node."""
    running = Running(api, runtime, containerd)
    await running.start()
    yield running
    for namespace, name in list(api.informer.store):
        api.delete_pod(name, 0, namespace)
    async with asyncio.timeout(30):
        while api.informer.store:
            await asyncio.sleep(0.02)
    await running.stop()


class Running:
    def __init__(self, api, runtime, containerd):
        self.api, self.runtime, self.node = api, runtime, containerd
        self.paths = Paths(containerd.folder / "pods", containerd.folder / "logs")

    async def start(self):
        informer = Informer(self.api, kind_of({"apiVersion": "v1", "kind": "Pod"}))
        if self.api.informer:
            informer.store.update(self.api.informer.store)
        self.api.serve(informer)
        facts = NodeFacts("node", ("192.0.2.1",), memory=8 << 30, cgroup_root=self.node.cgroup)
        self.pods = PodAgent(self.api, self.runtime, informer, lambda: facts, self.paths)
        self.task = asyncio.create_task(self.pods.run())

    async def stop(self):
        assert not self.task.done(), "the agent ended by itself"
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def restart(self):
        await self.stop()
        await self.start()
