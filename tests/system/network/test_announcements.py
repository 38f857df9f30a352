"""A balancer's address on a real kernel: a neighbour that remembers another machine for it learns better."""

import subprocess
import time

import pytest

from agent.network.announcements import Announcements
from agent.services import Service
from tests.system.network.namespaces import inside

ADDRESS = "10.42.0.200"
ELSEWHERE = "02:00:00:00:00:99"


def test_an_address_that_moves_here_is_told_and_answers(node):
    given = [Service("default", "web", balancer_ips=(ADDRESS,), announcer="n1")]
    room = Announcements("n1", lambda: given)
    node.exec("ip", "route", "replace", "198.51.100.0/24", "via", "10.42.0.2")
    node.pod("a", "ip", "neigh", "replace", ADDRESS, "lladdr", ELSEWHERE, "dev", "eth0", "nud", "stale")
    assert inside(node, room.sync) == {ADDRESS}
    assert inside(node, room.sync) == set(), "it is there"
    deadline = time.monotonic() + 20
    while ELSEWHERE in node.pod("a", "ip", "neigh", "show", ADDRESS):
        assert time.monotonic() < deadline, "the neighbour still remembers the other machine"
        inside(node, lambda: room.tell({ADDRESS}))
    with pytest.raises(subprocess.CalledProcessError, match="exit status 7"):  # refused: here, and nobody listens
        node.pod("a", "curl", "-sS", "--max-time", "10", f"http://{ADDRESS}:1/")
    given.clear()
    inside(node, room.sync)
    assert ADDRESS not in node.exec("ip", "address", "show", "dev", "lo")
