"""Who is looked at next, and when one that failed is looked at again."""

import pytest

from master.scheduler.decisions import Cure
from master.scheduler.queue import PATIENCE, Queue


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock) -> Queue:
    return Queue(clock)


def names(queue: Queue) -> list[str]:
    found = []
    while (pod := queue.pop()) is not None:
        found.append(pod.key[1])
    return found


def test_higher_priority_first_then_first_come(scene, queue):
    for name, priority in (("a", 0), ("b", 10), ("c", 0)):
        queue.add(scene.pod(name, priority=priority))
    assert names(queue) == ["b", "a", "c"]


def test_what_fits_nowhere_waits_for_a_cure(scene, queue, clock):
    queue.add(scene.pod("a"))
    assert names(queue) == ["a"]
    queue.wait(("ns", "a"), frozenset((Cure.LEFT,)))
    queue.heal(Cure.NODE)
    clock.now = 60
    assert names(queue) == []
    queue.heal(Cure.LEFT)
    assert names(queue) == ["a"]


def test_a_cure_does_not_shorten_the_back_off(scene, queue, clock):
    queue.add(scene.pod("a"))
    for backoff in (1, 2, 4, 8, 10, 10):
        assert names(queue) == ["a"]
        queue.wait(("ns", "a"), frozenset((Cure.LEFT,)))
        queue.heal(Cure.LEFT)
        assert names(queue) == []
        assert queue.next_wake() == backoff
        clock.now += backoff


def test_a_failed_binding_is_retried_by_itself(scene, queue, clock):
    queue.add(scene.pod("a"))
    names(queue)
    queue.retry(("ns", "a"))
    clock.now = 1
    assert names(queue) == ["a"]


def test_the_sweep_looks_again_after_a_while(scene, queue, clock):
    queue.add(scene.pod("a"))
    names(queue)
    queue.wait(("ns", "a"), frozenset((Cure.NODE,)))
    clock.now = PATIENCE + 1
    queue.sweep()
    assert names(queue) == ["a"]


def test_a_removed_pod_never_comes(scene, queue):
    queue.add(scene.pod("a"))
    queue.remove(("ns", "a"))
    assert names(queue) == []
    assert len(queue) == 0


def test_a_changed_shape_is_looked_at_at_once(scene, queue):
    queue.add(scene.pod("a", {"cpu": "8"}))
    names(queue)
    queue.wait(("ns", "a"), frozenset((Cure.NODE,)))
    queue.add(scene.pod("a", {"cpu": "1"}))
    assert names(queue) == ["a"]
