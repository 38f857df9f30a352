"""The contract of a runtime, held by Debian's containerd."""

import asyncio
import contextlib

import pytest

from agent.runtime.contract import RuntimeFailure, StreamRequest
from agent.runtime.words import ContainerConfig, ContainerState, Mount, Resources, SandboxConfig

IMAGE = "wherry.local/busybox:1"


@pytest.fixture
async def sandbox(runtime, containerd, tmp_path, request):
    config = SandboxConfig(
        name=request.node.name.replace("_", "-")[:40],
        namespace="tests",
        uid="00000000-0000-0000-0000-000000000000",
        hostname="told",
        log_directory=str(tmp_path),
        labels={"test": "yes"},
        cgroup_parent=f"{containerd.cgroup}/sandbox",
    )
    sandbox_id = await runtime.run_sandbox(config)
    yield sandbox_id, config
    await runtime.stop_sandbox(sandbox_id)
    await runtime.remove_sandbox(sandbox_id)


async def start(runtime, sandbox, *command, **options):
    sandbox_id, config = sandbox
    container = ContainerConfig("c", IMAGE, command=command, log_path="c.log", labels={"test": "yes"}, **options)
    container_id = await runtime.create_container(sandbox_id, container, config)
    await runtime.start_container(container_id)
    return container_id


async def finished(runtime, container_id):
    async with asyncio.timeout(10):
        while True:
            status = await runtime.container_status(container_id)
            if status.state is ContainerState.EXITED:
                return status
            await asyncio.sleep(0.01)


async def test_names_itself(runtime):
    version = await runtime.version()
    assert (version.name, version.api_version) == ("containerd", "v1")
    assert {c.type: c.status for c in await runtime.conditions()} == {"RuntimeReady": True, "NetworkReady": True}


async def test_a_sandbox_has_an_address_and_its_labels(runtime, sandbox):
    sandbox_id, config = sandbox
    status = await runtime.sandbox_status(sandbox_id)
    assert status.ready and status.ips[0].startswith("10.211.")
    (listed,) = await runtime.list_sandboxes({"test": "yes"})
    assert (listed.id, listed.name, dict(listed.labels)) == (sandbox_id, config.name, {"test": "yes"})


async def test_a_container_runs_to_its_exit_code_and_logs(runtime, sandbox, tmp_path):
    container_id = await start(runtime, sandbox, "sh", "-c", "echo hello; hostname; exit 3")
    status = await finished(runtime, container_id)
    assert (status.exit_code, status.reason) == (3, "Error")
    assert 0 < status.started_at <= status.finished_at
    lines = [line.split(" ", 3) for line in (tmp_path / "c.log").read_text().splitlines()]
    assert [(stream, tag, text) for _, stream, tag, text in lines] == [
        ("stdout", "F", "hello"),
        ("stdout", "F", "told"),
    ]


async def test_exits_are_told_as_they_happen(runtime, sandbox):
    told = asyncio.Queue()

    async def listen():
        async for ended in runtime.exits():
            told.put_nowait(ended)

    listening = asyncio.create_task(listen())
    try:
        container_id = await start(runtime, sandbox, "sh", "-c", "sleep 0.3; exit 5")
        await runtime.exec_sync(container_id, ["true"], 5)  # an exec's end is not the container's
        async with asyncio.timeout(5):
            while (ended := await told.get()).container_id != container_id:
                pass
        assert ended.exit_code == 5
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening


async def test_exec_has_output_and_exit_code(runtime, sandbox):
    container_id = await start(runtime, sandbox, "sleep", "60")
    outcome = await runtime.exec_sync(container_id, ["sh", "-c", "echo out; echo err >&2; exit 4"], 5)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (4, b"out\n", b"err\n")


async def test_exec_that_takes_too_long_is_refused(runtime, sandbox):
    container_id = await start(runtime, sandbox, "sleep", "60")
    with pytest.raises(RuntimeFailure) as refused:
        await runtime.exec_sync(container_id, ["sleep", "30"], 1)
    assert refused.value.code == "DEADLINE_EXCEEDED"


async def test_exec_has_a_url_for_a_stream(runtime, sandbox):
    container_id = await start(runtime, sandbox, "sleep", "60")
    assert (await runtime.exec_url(container_id, ["sh"], StreamRequest(stdin=True))).startswith("http://127.0.0.1:")


async def test_mounts_and_limits(runtime, sandbox, tmp_path):
    (tmp_path / "told").write_text("mounted\n")
    container_id = await start(
        runtime,
        sandbox,
        "sh",
        "-c",
        "cat /in/told; touch /in/x; cat /sys/fs/cgroup/memory/memory.limit_in_bytes",
        mounts=(Mount("/in", str(tmp_path), readonly=True),),
        resources=Resources(memory_limit=32 << 20, cpu_shares=128, cpu_period=100000, cpu_quota=50000),
    )
    await finished(runtime, container_id)
    text = (tmp_path / "c.log").read_text()
    assert "mounted" in text and "Read-only file system" in text


async def test_a_missing_program_is_refused_with_runc_s_words(runtime, sandbox):
    with pytest.raises(RuntimeFailure, match="/nope: no such file or directory"):
        await start(runtime, sandbox, "/nope")


async def test_what_is_not_there_is_stopped_and_removed_in_silence(runtime):
    for call in (runtime.stop_sandbox, runtime.remove_sandbox, runtime.remove_container):
        await call("0000")
    await runtime.stop_container("0000", 0)
    assert await runtime.container_status("0000") is None
    assert await runtime.sandbox_status("0000") is None


async def test_images_are_known_by_name(runtime):
    image = await runtime.image_status(IMAGE)
    assert IMAGE in image.tags and image.size > 1 << 20
    assert await runtime.image_status("wherry.local/none:1") is None
    assert IMAGE in {tag for found in await runtime.list_images() for tag in found.tags}


async def test_a_bad_archive_is_refused(runtime):
    async def chunks():
        yield b"this is no archive" * 1000

    with pytest.raises(RuntimeFailure, match="tar"):
        await runtime.import_image(chunks())
