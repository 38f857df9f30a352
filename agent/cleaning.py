"""`agent clean`: takes out of this machine what an agent put into its kernel: pods, rules, routes, the bridge, mounts, cgroups.

For a machine that leaves its cluster.  The agent must have ended; containerd is started for the while where it has.
Settings, certificates and images stay.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from agent.keeping import KEPT_FILE, KEY_FILE
from agent.keeping.shelf import files
from agent.network.announcements import LABEL
from agent.network.cni import BRIDGE, FILE_NAME
from agent.network.routes import PROTOCOL
from agent.pods import cgroups
from agent.pods.volumes import kernel
from agent.pods.volumes.mounting import mounts_below
from agent.policy.rules import SHARE as POLICIES
from agent.policy.sets import Ipset
from agent.proxy.kernel import Backend, Iptables, KernelError, legacy_in_use
from agent.proxy.restoring import removal
from agent.proxy.rules import SHARE as PROXY
from agent.runtime.client import Containerd
from agent.runtime.contract import RuntimeFailure
from kube.config import AgentConfig
from kube.layout import Layout

log = logging.getLogger(__name__)

RUNTIME_SECONDS = 20.0
SHIM_SECONDS = 4.0
TASKS = "io.containerd.runtime.v2.task/k8s.io"
"""Below the runtime's state: a folder for each container that runs."""
_IP = "/usr/sbin/ip"
_CONTAINERD = "/usr/bin/containerd"


async def clean(layout: Layout, config: AgentConfig) -> None:
    """RuntimeFailure or KernelError when something cannot be taken away; all that can is."""
    async with _runtime(layout, config) as runtime:
        if runtime is not None:
            await remove_pods(runtime)
    await end_shims(config.runtime.endpoint)
    for backend in Backend:
        if backend is not Backend.LEGACY or legacy_in_use():
            await remove_rules(Iptables(backend))
    await Ipset().clear()
    for words in (
        ("route", "flush", "proto", str(PROTOCOL)),
        ("link", "delete", BRIDGE),
        ("address", "flush", "dev", "lo", "label", LABEL),
        ("address", "delete", f"{config.cluster.dns}/32", "dev", "lo"),
    ):
        await _ip(*words)
    remove_files(layout)
    cgroups.remove(f"{config.runtime.cgroup.rstrip('/')}/kubepods")


async def remove_pods(runtime: Containerd) -> None:
    """Every sandbox with its containers, at once: their grace is over."""
    sandboxes = await runtime.list_sandboxes()
    for container in await runtime.list_containers():
        await runtime.stop_container(container.id, 0)
    for sandbox in sandboxes:
        await runtime.stop_sandbox(sandbox.id)
        await runtime.remove_sandbox(sandbox.id)
    log.info("pods removed=%d", len(sandboxes))


async def end_shims(socket: str) -> None:
    """containerd's own child of each pod ends with it; one that was forgotten is killed."""
    loop = asyncio.get_running_loop()
    until = loop.time() + SHIM_SECONDS
    while left := shims(socket):
        if loop.time() > until:
            for pid in left:
                log.warning("killing a shim without a pod pid=%d", pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return
        await asyncio.sleep(0.05)


def shims(socket: str, proc: Path = Path("/proc")) -> list[int]:
    """Processes that serve the containerd of this socket."""
    found = []
    for path in proc.glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if words[0].rpartition("/")[2].startswith("containerd-shim") and f"-address\0{socket}\0" in "\0".join(
                words
            ):
                found.append(int(path.parent.name))
    return found


@asynccontextmanager
async def _runtime(layout: Layout, config: AgentConfig) -> AsyncIterator[Containerd | None]:
    """The runtime; one started for the while where it has ended, None where it holds no pod."""
    async with Containerd(config.runtime.endpoint) as runtime:
        if await _answers(runtime):
            yield runtime
        elif not any((layout.run / "containerd" / TASKS).glob("*")):
            yield None
        else:
            async with _started(layout.config / "containerd.toml"):
                await runtime.wait_ready(RUNTIME_SECONDS)
                yield runtime


async def _answers(runtime: Containerd) -> bool:
    try:
        await runtime.version()
    except RuntimeFailure as error:
        if error.unreachable:
            return False
        raise
    return True


@asynccontextmanager
async def _started(settings: Path) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec(
        _CONTAINERD, "--config", str(settings), stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        if child.returncode is None:
            child.terminate()
        await child.wait()


async def remove_rules(tables: Iptables) -> None:
    """Our chains, and the empty ones that the port mapping plugin leaves."""
    try:
        text = await tables.save(("filter", "mangle", "nat"))
    except (KernelError, FileNotFoundError):
        return  # this backend is not on this machine
    wanted = removal(text, PROXY) + removal(text, POLICIES) + plugin_removal(text)
    if wanted:
        await tables.restore(wanted)


def plugin_removal(text: str) -> str:
    """The text that removes the port mapping plugin's own chains, once no pod has a port any more."""
    nat = text.partition("*nat")[2]
    names = re.findall(r"^:(CNI-HOSTPORT-\S+)", nat, re.MULTILINE)
    if not names or "-j CNI-DN-" in nat:
        return ""
    jumps = [line for line in nat.splitlines() if line.startswith("-A ") and "-j CNI-HOSTPORT-" in line]
    outside = [f"-D {line[3:]}" for line in jumps if not line.startswith("-A CNI-")]
    emptied = [f"-F {name}" for name in names]
    return "\n".join(["*nat", *outside, *emptied, *(f"-X {name}" for name in names), "COMMIT", ""])


def remove_files(layout: Layout) -> None:
    """Pods' folders with what is mounted there, the network's files, and what was kept of the cluster."""
    pods = layout.state / "pods"
    for mounted in (*mounts_below(pods), *mounts_below(layout.run / "containerd")):
        kernel.unmount(mounted)
    for folder in (pods, layout.run / "cni", layout.root / "var/log/pods"):
        for child in folder.glob("*"):
            shutil.rmtree(child)
    kept = (layout.config / KEY_FILE, *files(layout.state / KEPT_FILE))
    for path in (layout.root / "etc/cni/net.d" / FILE_NAME, layout.run / "services.json", *kept):
        path.unlink(missing_ok=True)


async def _ip(*words: str) -> None:
    """What is gone already is no failure."""
    child = await asyncio.create_subprocess_exec(_IP, *words, stderr=asyncio.subprocess.DEVNULL)
    await child.wait()
