"""Why a container ended: the runtime's word, the kernel's log, or a moment's patience."""

import asyncio

import pytest

from agent.runtime.endings import SETTLING, Endings, Recent, kernel_log, starved_in
from agent.runtime.words import ContainerState, ContainerStatus

LINE = (
    "<6>[12553.65] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=abc,mems_allowed=0,"
    "oom_memcg=/kubepods/burstable/podU,task_memcg=/kubepods/burstable/podU/abc,task=sh,pid=32539,uid=0\n"
)


def ended(exit_code=137, reason="Error", state=ContainerState.EXITED):
    return ContainerStatus("abc", "c", 0, state, "i", "i", exit_code=exit_code, reason=reason, finished_at=100.0)


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        pytest.param(ended(), LINE, "OOMKilled", id="the kernel's log tells it"),
        pytest.param(ended(), LINE.replace("abc", "def"), "Error", id="of another container"),
        pytest.param(ended(exit_code=1), LINE, "Error", id="it ended by itself"),
        pytest.param(ended(reason="OOMKilled"), "", "OOMKilled", id="the runtime knew"),
        pytest.param(ended(0, "", ContainerState.RUNNING), LINE, "", id="it runs"),
    ],
)
async def test_an_end_by_sigkill_is_held_against_the_kernel_s_log(status, text, reason):
    endings = Endings(lambda: text, lambda: 100.0 + SETTLING)
    assert (await endings.settled(status)).reason == reason


async def test_the_runtime_s_word_may_come_after_the_end():
    endings = Endings(lambda: "", lambda: 100.0)
    waiting = asyncio.create_task(endings.settled(ended()))
    await asyncio.sleep(0)
    endings.starve("abc")
    assert (await waiting).reason == "OOMKilled"


async def test_a_child_killed_for_memory_counts_too():
    endings = Endings(lambda: "", lambda: 100.0)
    endings.starve("abc")
    assert (await endings.settled(ended(exit_code=1))).reason == "OOMKilled"


async def test_an_end_that_was_asked_for_is_not_waited_on():
    endings = Endings(lambda: LINE, lambda: 100.0)
    endings.ask("abc")
    assert (await endings.settled(ended())).reason == "Error"


def test_only_the_newest_are_kept():
    recent = Recent()
    for number in range(Recent.MOST + 1):
        recent.add(str(number))
    assert "0" not in recent and str(Recent.MOST) in recent


def test_the_log_is_text():
    assert not starved_in(kernel_log(), "no-such-container")
