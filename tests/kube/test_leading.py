"""Who leads: the first, again the same, the next when the first is silent, never two for long."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kube.errors import ApiError
from kube.leading import DURATION, Candidate, is_free, lead, renewed


class Leases:
    """The API, as far as one Lease goes; `broken` answers nothing."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.broken = False

    async def get(self, *_where: Any) -> dict[str, Any]:
        if self.broken:
            raise ConnectionResetError
        if self.lease is None:
            raise ApiError(404, "NotFound", "no such lease")
        return self.lease

    async def create(self, _kind: Any, _namespace: str, obj: dict[str, Any]) -> None:
        self.lease = obj

    async def update(self, _kind: Any, _namespace: str, obj: dict[str, Any]) -> None:
        self.lease = obj


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def candidate(leases: Leases, name: str, clock: Clock) -> Candidate:
    async def pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    return Candidate(leases, "role", name, pause, clock)  # type: ignore[arg-type]


async def test_the_first_leads_and_the_next_when_it_is_silent():
    leases, clock = Leases(), Clock()
    first, second = candidate(leases, "a", clock), candidate(leases, "b", clock)
    assert await first.holds()
    assert not await second.holds()
    clock.now += DURATION - 1
    assert await first.holds()
    clock.now += DURATION - 1
    assert not await second.holds()
    clock.now += DURATION + 1
    assert await second.holds()
    assert not await first.holds()
    assert leases.lease is not None
    assert leases.lease["spec"]["leaseTransitions"] == 1


async def test_who_starts_again_need_not_wait():
    leases, clock = Leases(), Clock()
    assert await candidate(leases, "a", clock).holds()
    assert await candidate(leases, "a", clock).holds()


async def test_a_server_that_does_not_answer_changes_nothing():
    leases, clock = Leases(), Clock()
    leases.broken = True
    assert await candidate(leases, "a", clock).leads(before=True)
    assert not await candidate(leases, "a", clock).leads(before=False)


async def test_work_ends_when_another_leads_and_begins_again():
    leases, clock = Leases(), Clock()
    started: list[int] = []

    async def work() -> None:
        started.append(len(started))
        await asyncio.Event().wait()

    task = asyncio.create_task(lead(candidate(leases, "a", clock), work))
    while not started:
        await asyncio.sleep(0)
    assert leases.lease is not None
    leases.lease = {**leases.lease, "spec": renewed(leases.lease["spec"], "b")}
    for _ in range(50):
        await asyncio.sleep(0)
    assert started == [0]
    leases.lease["spec"]["holderIdentity"] = ""
    while len(started) < 2:
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_the_work_raises_is_told():
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await lead(candidate(Leases(), "a", Clock()), work)


@pytest.mark.parametrize(
    ("spec", "silence", "expected"),
    [
        ({}, 0, True),
        ({"holderIdentity": "me"}, 0, True),
        ({"holderIdentity": "other"}, 0, False),
        ({"holderIdentity": "other", "leaseDurationSeconds": 60}, 59, False),
        ({"holderIdentity": "other", "leaseDurationSeconds": 60}, 61, True),
    ],
)
def test_when_a_lease_is_free(spec, silence, expected):
    assert is_free(spec, "me", silence) is expected
