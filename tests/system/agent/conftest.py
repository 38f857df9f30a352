"""A containerd of the test's own: root, state, socket, CNI bridge and subnet nobody else has; all of it gone afterwards."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.runtime.client import Containerd
from agent.runtime.configuration import ContainerdPlace, containerd_config
from provisioning.images.archives import build_archive
from provisioning.images.catalogue import images

NEEDED = ("containerd", "runc", "ctr")


@dataclass
class Node:
    """Where the running containerd lies."""

    place: ContainerdPlace
    folder: Path
    process: subprocess.Popen


def pytest_collection_modifyitems(items):
    missing = [name for name in NEEDED if not shutil.which(name)]
    reason = "needs root" if os.geteuid() else f"needs {', '.join(missing)}" if missing else ""
    if reason:
        for item in items:
            if "tests/system/agent" in str(item.fspath):
                item.add_marker(pytest.mark.skip(reason=reason))


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
    log = (folder / "containerd.log").open("wb")
    process = subprocess.Popen(("containerd", "-c", config), stdout=log, stderr=log)
    try:
        wait_for_socket(place.socket, process)
        asyncio.run(import_images(place.socket))
        yield Node(place, folder, process)
    finally:
        asyncio.run(remove_all(place.socket))
        process.terminate()
        process.wait(10)
        log.close()
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
        yield build_archive(images())

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
