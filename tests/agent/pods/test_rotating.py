"""Logs that have grown are put aside, and the oldest go."""

from pathlib import Path

import pytest

from agent.pods.rotating import Log, LogLimits, Rotator, put_aside, surplus

LIMITS = LogLimits(bytes=10, files=3)


@pytest.mark.parametrize(
    ("sizes", "gone"),
    [
        pytest.param([10, 10], [], id="few and small"),
        pytest.param([10, 10, 10], [2], id="too many"),
        pytest.param([25, 10], [1], id="too much"),
        pytest.param([50], [0], id="a flood"),
    ],
)
def test_what_is_kept(sizes, gone):
    files = [(Path(f"{number}"), size) for number, size in enumerate(sizes)]
    assert surplus(files, LIMITS) == [Path(f"{number}") for number in gone]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "0.log"


@pytest.fixture
def rotator(runtime, path):
    async def reopen(_container):
        path.touch()

    runtime.script["reopen_log"] = reopen
    return Rotator(runtime, LIMITS, tuple)


async def test_a_small_log_is_left_alone(rotator, path):
    path.write_text("few\n")
    await rotator.look(Log("c", path))
    assert path.read_text() == "few\n" and not put_aside(path)


async def test_a_log_that_has_grown_is_put_aside(rotator, path):
    for number in range(5):
        path.write_text(f"{number} is enough\n")
        await rotator.look(Log("c", path))
    assert path.read_text() == ""
    assert [file.read_text() for file, _ in put_aside(path)] == ["4 is enough\n", "3 is enough\n"]


async def test_what_the_runtime_refuses_is_undone(rotator, runtime, path, failure):
    path.write_text("more than enough\n")
    runtime.script["reopen_log"] = failure("UNKNOWN", "busy")
    await rotator.look(Log("c", path))
    assert path.read_text() == "more than enough\n" and not put_aside(path)


async def test_a_log_that_went_is_no_trouble(rotator, path):
    await rotator.look(Log("c", path))
