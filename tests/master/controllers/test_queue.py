"""The work queue: each key once, never twice at a time, later when it failed."""

import random

import pytest

from master.controllers.queue import MOST, WorkQueue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock) -> WorkQueue:
    return WorkQueue(clock, random.Random(1))


def test_a_key_is_queued_once(queue):
    queue.add("a")
    queue.add("a")
    assert (queue.take(), queue.take()) == ("a", None)


def test_a_key_that_is_worked_on_comes_again_afterwards(queue):
    queue.add("a")
    queue.take()
    queue.add("a")
    assert queue.take() is None
    queue.done("a")
    assert queue.take() == "a"


def test_a_failure_comes_back_later_and_later(queue, clock):
    waits = []
    queue.add("a")
    for _ in range(20):
        assert queue.take() == "a"
        queue.done("a", failed=True)
        assert queue.take() is None
        waits.append(queue.next_wake())
        clock.now += waits[-1]
    assert waits[0] <= 0.075
    assert waits[5] > waits[0] * 4
    assert max(waits) <= MOST * 1.5


def test_success_forgets_the_failures(queue, clock):
    queue.add("a")
    queue.take()
    queue.done("a", failed=True)
    clock.now = 1
    queue.take()
    queue.done("a")
    queue.add("a")
    queue.take()
    queue.done("a", failed=True)
    assert queue.next_wake() <= 0.075


def test_the_earlier_appointment_stays(queue, clock):
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    clock.now = 5
    assert queue.take() == "a"
    queue.done("a")
    clock.now = 30
    assert queue.take() is None
