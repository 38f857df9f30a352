"""CRI's messages into words."""

from __future__ import annotations

from agent.runtime.proto import containerd_events_pb2 as events
from agent.runtime.proto import cri_pb2 as cri
from agent.runtime.words import (
    Container,
    ContainerState,
    ContainerStatus,
    Exit,
    Filesystem,
    Image,
    Sandbox,
    Usage,
)

NANO = 1e-9
STATES = {
    cri.CONTAINER_CREATED: ContainerState.CREATED,
    cri.CONTAINER_RUNNING: ContainerState.RUNNING,
    cri.CONTAINER_EXITED: ContainerState.EXITED,
    cri.CONTAINER_UNKNOWN: ContainerState.UNKNOWN,
}


def sandbox(found: cri.PodSandbox) -> Sandbox:
    meta = found.metadata
    return Sandbox(
        id=found.id,
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        attempt=meta.attempt,
        ready=found.state == cri.SANDBOX_READY,
        created_at=found.created_at * NANO,
        labels=dict(found.labels),
        annotations=dict(found.annotations),
    )


def sandbox_status(found: cri.PodSandboxStatus) -> Sandbox:
    meta, network = found.metadata, found.network
    first = (network.ip,) if network.ip else ()
    return Sandbox(
        id=found.id,
        name=meta.name,
        namespace=meta.namespace,
        uid=meta.uid,
        attempt=meta.attempt,
        ready=found.state == cri.SANDBOX_READY,
        created_at=found.created_at * NANO,
        ips=first + tuple(extra.ip for extra in network.additional_ips),
    )


def container(found: cri.Container) -> Container:
    return Container(
        id=found.id,
        sandbox_id=found.pod_sandbox_id,
        name=found.metadata.name,
        attempt=found.metadata.attempt,
        image=found.image.image,
        image_ref=found.image_ref,
        state=STATES[found.state],
        created_at=found.created_at * NANO,
        labels=dict(found.labels),
        annotations=dict(found.annotations),
    )


def container_status(found: cri.ContainerStatus) -> ContainerStatus:
    return ContainerStatus(
        id=found.id,
        name=found.metadata.name,
        attempt=found.metadata.attempt,
        state=STATES[found.state],
        image=found.image.image,
        image_ref=found.image_ref,
        created_at=found.created_at * NANO,
        started_at=found.started_at * NANO,
        finished_at=found.finished_at * NANO,
        exit_code=found.exit_code,
        reason=found.reason,
        message=found.message,
        labels=dict(found.labels),
        annotations=dict(found.annotations),
        log_path=found.log_path,
    )


def image(found: cri.Image) -> Image:
    user: int | str | None = found.uid.value if found.HasField("uid") else found.username or None
    return Image(found.id, tuple(found.repo_tags), tuple(found.repo_digests), found.size, user, found.pinned)


def usage(found: cri.ContainerStats) -> Usage:
    return Usage(
        container_id=found.attributes.id,
        name=found.attributes.metadata.name,
        labels=dict(found.attributes.labels),
        time=found.cpu.timestamp * NANO,
        cpu_seconds=found.cpu.usage_core_nano_seconds.value * NANO,
        working_set=found.memory.working_set_bytes.value,
        memory=found.memory.usage_bytes.value,
        rss=found.memory.rss_bytes.value,
        disk=found.writable_layer.used_bytes.value,
        inodes=found.writable_layer.inodes_used.value,
    )


def filesystem(found: cri.FilesystemUsage) -> Filesystem:
    return Filesystem(found.fs_id.mountpoint, found.used_bytes.value, found.inodes_used.value)


def ending(envelope: events.Envelope) -> Exit | None:
    """The end of a container's main process, or its memory running out; None for an exec's end."""
    if envelope.topic == "/tasks/oom":
        return Exit(events.TaskOOM.FromString(envelope.event.value).container_id, oom=True)
    exited = events.TaskExit.FromString(envelope.event.value)
    if exited.id != exited.container_id:
        return None
    return Exit(exited.container_id, exited.exit_status)
