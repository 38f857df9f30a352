"""The runtime over containerd's socket: CRI v1 for pods and images, containerd's own events for endings.

Contract: `contract.Runtime` and `contract.Streams`.  A call that fails raises RuntimeFailure; a socket that is gone fails
at once (gRPC reconnects by itself, so the next call after containerd's return succeeds).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import grpc
import grpc.aio
import orjson

from agent.runtime import decoding, encoding
from agent.runtime.contract import RuntimeFailure, StreamRequest
from agent.runtime.endings import Endings, kernel_log
from agent.runtime.importing import import_archive
from agent.runtime.proto import containerd_events_pb2 as events
from agent.runtime.proto import containerd_tasks_pb2 as tasks
from agent.runtime.proto import cri_pb2 as cri
from agent.runtime.words import (
    Condition,
    Container,
    ContainerConfig,
    ContainerStatus,
    Exit,
    Filesystem,
    Image,
    Login,
    Outcome,
    Resources,
    Sandbox,
    SandboxConfig,
    Usage,
    Version,
)

NAMESPACE = "k8s.io"
"""containerd's namespace of everything CRI makes."""
ENDINGS = ('topic=="/tasks/exit"', 'topic=="/tasks/oom"')
QUICK = 30.0
SLOW = 240.0
PULL = 1800.0
LARGEST = 64 << 20
OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.initial_reconnect_backoff_ms", 200),
]


class Containerd:
    """Use as `async with Containerd(socket) as runtime`; a path or a `unix://` URL, which need not be there yet."""

    def __init__(self, socket: Path | str) -> None:
        self.socket = Path(str(socket).removeprefix("unix://"))
        self._channel: grpc.aio.Channel | None = None
        self._methods: dict[str, Any] = {}
        self._endings = Endings(kernel_log)

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(f"unix://{self.socket}", options=OPTIONS)
        self._methods = dict(_stubs(self._channel))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._channel is not None:
            await self._channel.close(None)

    async def _call(self, method: str, request: Any, timeout: float | None = QUICK) -> Any:
        try:
            return await self._methods[method](request, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            raise RuntimeFailure(error.code().name, error.details() or error.code().name) from error

    async def _call_found(self, method: str, request: Any, timeout: float | None = QUICK) -> Any | None:
        """Like `_call`; None where the runtime does not know the thing."""
        try:
            return await self._call(method, request, timeout)
        except RuntimeFailure as failure:
            if failure.code == "NOT_FOUND":
                return None
            raise

    # Sandboxes

    async def run_sandbox(self, config: SandboxConfig) -> str:
        request = cri.RunPodSandboxRequest(
            config=encoding.sandbox_config(config), runtime_handler=config.runtime_handler
        )
        return str((await self._call("RunPodSandbox", request, SLOW)).pod_sandbox_id)

    async def sandbox_status(self, sandbox_id: str) -> Sandbox | None:
        answer = await self._call_found("PodSandboxStatus", cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id))
        return decoding.sandbox_status(answer.status) if answer else None

    async def network_namespace(self, sandbox_id: str) -> str:
        """The path of a sandbox's network namespace, as containerd tells it; empty for the node's own."""
        request = cri.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id, verbose=True)
        info = orjson.loads((await self._call("PodSandboxStatus", request)).info.get("info", "{}"))
        spaces = info.get("runtimeSpec", {}).get("linux", {}).get("namespaces", [])
        return next((str(space.get("path", "")) for space in spaces if space.get("type") == "network"), "")

    async def list_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[Sandbox]:
        request = cri.ListPodSandboxRequest(filter=cri.PodSandboxFilter(label_selector=dict(labels or {})))
        return [decoding.sandbox(item) for item in (await self._call("ListPodSandbox", request)).items]

    async def stop_sandbox(self, sandbox_id: str) -> None:
        await self._call_found("StopPodSandbox", cri.StopPodSandboxRequest(pod_sandbox_id=sandbox_id), SLOW)

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self._call_found("RemovePodSandbox", cri.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id), SLOW)

    # Containers

    async def create_container(self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig) -> str:
        request = cri.CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=encoding.container_config(config),
            sandbox_config=encoding.sandbox_config(sandbox),
        )
        return str((await self._call("CreateContainer", request, SLOW)).container_id)

    async def start_container(self, container_id: str) -> None:
        await self._call("StartContainer", cri.StartContainerRequest(container_id=container_id), SLOW)

    async def stop_container(self, container_id: str, grace: int) -> None:
        self._endings.ask(container_id)
        request = cri.StopContainerRequest(container_id=container_id, timeout=grace)
        await self._call_found("StopContainer", request, grace + SLOW)

    async def signal_container(self, container_id: str, number: int) -> None:
        """By containerd's own service of tasks: CRI has no such call."""
        call = self._methods["Kill"](
            tasks.KillRequest(container_id=container_id, signal=number),
            timeout=QUICK,
            metadata=(("containerd-namespace", NAMESPACE),),
        )
        try:
            await call
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise RuntimeFailure(error.code().name, error.details() or error.code().name) from error

    async def remove_container(self, container_id: str) -> None:
        await self._call_found("RemoveContainer", cri.RemoveContainerRequest(container_id=container_id), SLOW)

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        request = cri.ListContainersRequest(filter=cri.ContainerFilter(label_selector=dict(labels or {})))
        return [decoding.container(item) for item in (await self._call("ListContainers", request)).containers]

    async def container_status(self, container_id: str) -> ContainerStatus | None:
        answer = await self._call_found("ContainerStatus", cri.ContainerStatusRequest(container_id=container_id))
        return await self._endings.settled(decoding.container_status(answer.status)) if answer else None

    async def update_resources(self, container_id: str, resources: Resources) -> None:
        request = cri.UpdateContainerResourcesRequest(container_id=container_id, linux=encoding.resources(resources))
        await self._call("UpdateContainerResources", request)

    async def reopen_log(self, container_id: str) -> None:
        await self._call("ReopenContainerLog", cri.ReopenContainerLogRequest(container_id=container_id))

    # Commands and streams

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: int) -> Outcome:
        request = cri.ExecSyncRequest(container_id=container_id, cmd=command, timeout=timeout)
        answer = await self._call("ExecSync", request, timeout + QUICK if timeout else None)
        return Outcome(answer.exit_code, answer.stdout, answer.stderr)

    async def exec_url(self, container_id: str, command: Sequence[str], asked: StreamRequest) -> str:
        request = cri.ExecRequest(
            container_id=container_id,
            cmd=command,
            tty=asked.tty,
            stdin=asked.stdin,
            stdout=asked.stdout,
            stderr=asked.stderr and not asked.tty,
        )
        return str((await self._call("Exec", request)).url)

    async def attach_url(self, container_id: str, asked: StreamRequest) -> str:
        request = cri.AttachRequest(
            container_id=container_id,
            tty=asked.tty,
            stdin=asked.stdin,
            stdout=asked.stdout,
            stderr=asked.stderr and not asked.tty,
        )
        return str((await self._call("Attach", request)).url)

    async def port_forward_url(self, sandbox_id: str) -> str:
        return str((await self._call("PortForward", cri.PortForwardRequest(pod_sandbox_id=sandbox_id))).url)

    # Images

    async def image_status(self, image: str) -> Image | None:
        answer = await self._call("ImageStatus", cri.ImageStatusRequest(image=cri.ImageSpec(image=image)))
        return decoding.image(answer.image) if answer.HasField("image") else None

    async def list_images(self) -> list[Image]:
        return [decoding.image(item) for item in (await self._call("ListImages", cri.ListImagesRequest())).images]

    async def pull_image(self, image: str, login: Login | None = None) -> str:
        request = cri.PullImageRequest(image=cri.ImageSpec(image=image), auth=encoding.login(login))
        return str((await self._call("PullImage", request, PULL)).image_ref)

    async def remove_image(self, image: str) -> None:
        await self._call_found("RemoveImage", cri.RemoveImageRequest(image=cri.ImageSpec(image=image)), SLOW)

    async def import_image(self, chunks: AsyncIterable[bytes]) -> list[str]:
        """Bring in an OCI or docker archive as it streams in; the names of the images it held."""
        return await import_archive(self.socket, NAMESPACE, chunks)

    # The runtime itself

    async def usage(self) -> list[Usage]:
        answer = await self._call("ListContainerStats", cri.ListContainerStatsRequest())
        return [decoding.usage(item) for item in answer.stats]

    async def image_filesystems(self) -> list[Filesystem]:
        answer = await self._call("ImageFsInfo", cri.ImageFsInfoRequest())
        return [decoding.filesystem(item) for item in answer.image_filesystems]

    async def version(self) -> Version:
        answer = await self._call("Version", cri.VersionRequest())
        return Version(answer.runtime_name, answer.runtime_version, answer.runtime_api_version)

    async def conditions(self) -> list[Condition]:
        answer = await self._call("Status", cri.StatusRequest())
        return [Condition(c.type, c.status, c.reason, c.message) for c in answer.status.conditions]

    async def exits(self) -> AsyncIterator[Exit]:
        filters = [f'namespace=="{NAMESPACE}",{topic}' for topic in ENDINGS]
        call = self._methods["Subscribe"](events.SubscribeRequest(filters=filters))
        try:
            async for envelope in call:
                ended = decoding.ending(envelope)
                if ended is None:
                    continue
                if ended.oom:
                    self._endings.starve(ended.container_id)
                yield ended
        except grpc.aio.AioRpcError as error:
            raise RuntimeFailure(error.code().name, error.details() or error.code().name) from error
        finally:
            call.cancel()
        raise RuntimeFailure("UNAVAILABLE", "containerd closed its stream of events")

    async def wait_ready(self, deadline: float) -> None:
        """Return once the runtime answers; RuntimeFailure when it does not within `deadline` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        while True:
            try:
                await self.version()
                return
            except RuntimeFailure:
                if loop.time() > until:
                    raise
                await asyncio.sleep(0.05)


def _stubs(channel: grpc.aio.Channel) -> list[tuple[str, Any]]:
    """Each method of the compiled services by name, and those of containerd's own."""
    found = []
    for service in cri.DESCRIPTOR.services_by_name.values():
        for method in service.methods:
            request, answer = getattr(cri, method.input_type.name), getattr(cri, method.output_type.name)
            path = f"/{service.full_name}/{method.name}"
            found.append((method.name, channel.unary_unary(path, request.SerializeToString, answer.FromString)))
    subscribe = channel.unary_stream(
        "/containerd.services.events.v1.Events/Subscribe",
        events.SubscribeRequest.SerializeToString,
        events.Envelope.FromString,
    )
    kill = channel.unary_unary(
        "/containerd.services.tasks.v1.Tasks/Kill", tasks.KillRequest.SerializeToString, tasks.Nothing.FromString
    )
    return [*found, ("Subscribe", subscribe), ("Kill", kill)]
