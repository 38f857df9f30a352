"""What waits does not hear of a jump of the wall's clock."""

from agent.clocks import Clocks


class Hands:
    """A clock on the wall and one that only runs."""

    def __init__(self):
        self.wall, self.running = 1_000_000.0, 50.0

    def clocks(self):
        return Clocks(lambda: self.wall, lambda: self.running)

    def run(self, seconds, jump=0.0):
        self.running += seconds
        self.wall += seconds + jump


def test_the_steady_clock_reads_like_the_wall_s_and_does_not_jump():
    hands = Hands()
    clocks = hands.clocks()
    assert clocks.steady() == 1_000_000
    hands.run(10, jump=1e9)
    assert clocks.steady() == 1_000_010


def test_a_date_is_as_long_ago_as_the_wall_says():
    hands = Hands()
    clocks = hands.clocks()
    hands.run(100, jump=1e9)
    ended = hands.wall
    hands.run(5)
    assert clocks.since(ended) == clocks.steady() - 5


def test_a_date_in_the_future_is_now():
    hands = Hands()
    clocks = hands.clocks()
    ended = hands.wall
    hands.run(5, jump=-86400)
    assert clocks.since(ended) == clocks.steady()
