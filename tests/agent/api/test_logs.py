"""Logs: options, tails, following a file that grows and is rotated."""

import asyncio
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.logs import LogOptions, parse_options, read_log, render, tail_offset

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def line(text, tag="F", stream="stdout", second=0):
    return f"2026-01-01T12:00:{second:02}.000000000Z {stream} {tag} {text}\n".encode()


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({}, LogOptions()),
        ({"follow": "true", "tailLines": "5"}, LogOptions(follow=True, tail=5)),
        ({"sinceSeconds": "60"}, LogOptions(since="2026-01-01T11:59:00.000000000Z")),
        ({"sinceTime": "2026-01-01T10:00:00+01:00"}, LogOptions(since="2026-01-01T09:00:00.000000000Z")),
        (
            {"limitBytes": "7", "timestamps": "1", "previous": "true"},
            LogOptions(limit=7, timestamps=True, previous=True),
        ),
        ({"stream": "Stderr"}, LogOptions(stream="stderr")),
    ],
)
def test_options(query, options):
    assert parse_options(query, NOW) == options


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"tailLines": "-1"}, "tailLines"),
        ({"tailLines": "x"}, "tailLines"),
        ({"limitBytes": "0"}, "limitBytes"),
        ({"follow": "maybe"}, "follow"),
        ({"sinceSeconds": "1", "sinceTime": "2026-01-01T10:00:00Z"}, "at most one"),
        ({"stream": "Both"}, "stream"),
    ],
)
def test_bad_options_are_named(query, word):
    with pytest.raises(ValueError, match=word):
        parse_options(query, NOW)


@pytest.mark.parametrize(
    ("raw", "options", "shown"),
    [
        (line("hello"), LogOptions(), b"hello\n"),
        (line("part", "P"), LogOptions(), b"part"),
        (line("x", stream="stderr"), LogOptions(stream="stdout"), None),
        (line("x", second=1), LogOptions(since="2026-01-01T12:00:02"), None),
        (line("x"), LogOptions(timestamps=True), b"2026-01-01T12:00:00.000000000Z x\n"),
        (b"rubbish\n", LogOptions(), None),
    ],
)
def test_render(raw, options, shown):
    assert render(raw, options) == shown


@given(st.lists(st.tuples(st.text("ab", max_size=6), st.sampled_from("FP")), max_size=30), st.integers(1, 8))
def test_a_tail_shows_the_last_whole_lines(rows, count):
    rows = [*rows, ("end", "F")]
    raw = [line(text, tag) for text, tag in rows]
    file = io.BytesIO(b"".join(raw))
    file.seek(tail_offset(file, count))
    shown = b"".join(render(r + b"\n", LogOptions()) or b"" for r in file.read().split(b"\n"))
    everything = b"".join(render(r, LogOptions()) for r in raw)
    assert shown.splitlines() == everything.splitlines()[-count:]


async def collect(path, options, running=lambda: False):
    return b"".join([block async for block in read_log(path, options, running)])


async def test_a_log_is_cut_at_the_limit(tmp_path):
    (tmp_path / "0.log").write_bytes(line("hello") + line("world"))
    assert await collect(tmp_path / "0.log", LogOptions(limit=8)) == b"hello\nwo"
    assert await collect(tmp_path / "0.log", LogOptions(tail=0)) == b""


async def test_following_sees_what_comes_goes_across_rotation_and_ends_with_the_container(tmp_path):
    path, alive, seen = tmp_path / "0.log", True, []
    path.write_bytes(line("one"))

    async def follow():
        async for block in read_log(path, LogOptions(follow=True), lambda: alive):
            seen.append(block)

    async def until(text):
        async with asyncio.timeout(5):
            while text not in b"".join(seen):
                await asyncio.sleep(0.01)

    task = asyncio.create_task(follow())
    await until(b"one\n")
    with path.open("ab") as file:
        file.write(line("two"))
    await until(b"two\n")
    path.rename(tmp_path / "0.log.old")
    path.write_bytes(line("three"))
    await until(b"three\n")
    alive = False
    await asyncio.wait_for(task, 5)
