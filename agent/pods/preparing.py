"""A pod's folders, volumes and cgroup made ready, refreshed and taken away again."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path

import aiohttp

from agent.pods import cgroups
from agent.pods.admitting import Rejection, rejection
from agent.pods.memory import Memory
from agent.pods.observed import Pod
from agent.pods.places import NodeFacts
from agent.pods.references import references
from agent.pods.resources import cgroup_parent, pod_resources, qos_class
from agent.pods.sandboxes import hosts_file
from agent.pods.security import UNSUPPORTED, Refused, check_pod
from agent.pods.tools import Tools
from agent.pods.volumes.mounting import (
    FILES,
    Unsupported,
    Volume,
    give_volume,
    group_of,
    kind_of,
    make_volume,
    release_volumes,
    remove_pod,
    volumes_of,
    write_files,
)
from agent.pods.volumes.payloads import Missing, payload, tokens_asked
from kube import quantities
from kube.errors import ApiError, words_of

log = logging.getLogger(__name__)

SLOWEST_RETRY = 120.0
CANNOT_MOUNT = (Missing, OSError, ApiError, aiohttp.ClientError, TimeoutError)


def admit(tools: Tools, pod: Pod, memory: Memory) -> None:
    """Take the pod, or say why not: before anything else is told of it."""
    found = rejection(pod, tools.node(), tools.own_node(), tools.admitted())
    try:
        check_pod(pod)
    except Refused as refused:
        found = found or Rejection(refused.reason, str(refused))
    if found:
        memory.rejected = True
        _refuse(tools, pod, memory, found.reason, found.message)
    else:
        memory.admitted = True


async def prepare(tools: Tools, pod: Pod, memory: Memory) -> None:
    """Everything before the sandbox.  What is missing is told as an event and tried again; a refusal ends the pod."""
    try:
        await _volumes(tools, pod, memory)
    except Unsupported as unsupported:
        _refuse(tools, pod, memory, UNSUPPORTED, str(unsupported))
        return
    except CANNOT_MOUNT as error:
        memory.prepare_at = tools.clock() + memory.prepare_delay
        memory.prepare_delay = min(memory.prepare_delay * 2, SLOWEST_RETRY)
        log.info("pod not prepared pod=%s error=%s", pod["metadata"]["name"], error)
        return
    meta = pod["metadata"]
    tools.paths.log_folder(meta["namespace"], meta["name"], meta["uid"]).mkdir(parents=True, exist_ok=True)
    if tools.cgroups:
        node = tools.node()
        parent = cgroup_parent(node.cgroup_root, pod, qos_class(pod))
        cgroups.set_limits(parent, pod_resources(pod, node.cpus))
    memory.prepared = True


async def refresh(tools: Tools, pod: Pod, memory: Memory) -> None:
    """The files of volumes as of now; what went missing keeps its last content."""
    try:
        await _volumes(tools, pod, memory)
    except (Unsupported, *CANNOT_MOUNT) as error:
        memory.refresh_at = tools.clock() + SLOWEST_RETRY
        log.info("volumes not refreshed pod=%s error=%s", pod["metadata"]["name"], error)


async def _volumes(tools: Tools, pod: Pod, memory: Memory) -> None:
    uid = pod["metadata"]["uid"]
    tools.paths.pod(uid).mkdir(parents=True, exist_ok=True)
    memory.refresh_at = float("inf")
    wanted = references(pod)
    if wanted:
        await tools.references.follow(uid, wanted)
    for volume in volumes_of(pod):
        try:
            memory.volumes[volume["name"]] = await _volume(tools, pod, volume, memory)
        except CANNOT_MOUNT as error:
            said = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {_words(error)}'
            tools.recorder.record(pod, "Warning", "FailedMount", said)
            raise


async def _volume(tools: Tools, pod: Pod, asked: Volume, memory: Memory) -> Volume:
    """The volume made ready; a claim is looked up once."""
    uid, group = pod["metadata"]["uid"], group_of(pod)
    volume = memory.volumes.get(asked["name"]) or await tools.claims.volume(pod, asked)
    make_volume(volume, uid, tools.paths, group, _memory_room(pod, tools.node()))
    if asked["name"] not in memory.volumes:
        await asyncio.to_thread(give_volume, volume, pod)
    if kind_of(volume) in FILES:
        await _write(tools, pod, volume, memory)
    return volume


def _memory_room(pod: Pod, node: NodeFacts) -> int:
    """The most that a volume in memory can hold: what the pod may use, or what all pods may."""
    whole = quantities.value(node.allocatable.get("memory", "0"))
    return min(filter(None, (whole, pod_resources(pod).memory_limit)), default=0)


async def _write(tools: Tools, pod: Pod, volume: Volume, memory: Memory) -> None:
    uid = pod["metadata"]["uid"]
    tokens = {asked: await tools.tokens.get(pod, asked) for asked in tokens_asked(volume)}
    for token in tokens.values():
        memory.refresh_at = min(memory.refresh_at, token.renew_at)
    around = tools.surroundings(pod)
    files = payload(volume, pod, around, {asked: token.text for asked, token in tokens.items()})
    write_files(volume, uid, tools.paths, files, group_of(pod))


def write_hosts(tools: Tools, pod: Pod, ips: tuple[str, ...]) -> None:
    path = tools.paths.hosts(pod["metadata"]["uid"])
    own = Path("/etc/hosts").read_text() if pod["spec"].get("hostNetwork") else ""
    text = hosts_file(pod, tools.node(), ips, own)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def release(tools: Tools, pod: Pod, memory: Memory) -> None:
    """Nothing runs any more: secrets leave the memory, the cgroup goes."""
    uid = pod["metadata"]["uid"]
    release_volumes(uid, tools.paths)
    if tools.cgroups:
        cgroups.remove(cgroup_parent(tools.node().cgroup_root, pod, qos_class(pod)))
    tools.references.forget(uid)
    tools.tokens.forget(uid)
    memory.prepared = False
    memory.refresh_at = float("inf")


async def remove(tools: Tools, pod: Pod) -> None:
    """The pod's folders and logs."""
    meta = pod["metadata"]
    await asyncio.to_thread(remove_pod, meta["uid"], tools.paths)
    logs = tools.paths.log_folder(meta["namespace"], meta["name"], meta["uid"])
    await asyncio.to_thread(shutil.rmtree, logs, ignore_errors=True)


def _refuse(tools: Tools, pod: Pod, memory: Memory, reason: str, said: str) -> None:
    memory.ended_reason = reason
    memory.ended_message = f"Pod was rejected: {said}"
    tools.recorder.record(pod, "Warning", memory.ended_reason, said)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, ApiError) else words_of(error)
