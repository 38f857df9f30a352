"""What fails again and again is tried less and less often."""

from __future__ import annotations

from master.controllers.retries import FIRST, MOST, Retries


def test_waits_double_up_to_the_longest_and_are_forgotten():
    now = [0.0]
    retries = Retries(lambda: now[0])
    waits = []
    for _ in range(14):
        assert retries.left("a") == 0
        waits.append(retries.left("a"))
        now[0] += waits[-1]
    assert waits[:4] == [FIRST, 2, 4, 8]
    assert waits[-1] == MOST
    assert retries.left("b") == 0
    now[0] += 2 * MOST
    assert retries.left("a") == 0
    assert retries.left("a") == FIRST
