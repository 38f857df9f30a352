"""What informers hear is on the shelf soon after, and an informer that hears nothing begins with it."""

import asyncio
import contextlib

import orjson
import pytest

from agent.keeping import essences
from agent.keeping.keeper import Keeper
from kube.informers import Informer
from kube.kinds import known

POD = known("v1", "Pod")


class FakeShelf:
    """Rows in memory; `writes` are the batches, `full` is a disk without room."""

    def __init__(self, **rows):
        self.kept = {tuple(name.split("_", 1)): content for name, content in rows.items()}
        self.writes, self.full, self.closed = [], False, False

    def rows(self):
        return [(drawer, key, content) for (drawer, key), content in self.kept.items()]

    def read(self, drawer):
        return {key: content for (known, key), content in self.kept.items() if known == drawer}

    def read_one(self, drawer, key):
        return self.kept.get((drawer, key))

    def write(self, rows):
        if self.full:
            raise OSError("disk is full")
        rows = list(rows)
        self.writes.append([(drawer, key) for drawer, key, _ in rows])
        for drawer, key, content in rows:
            self.kept.pop((drawer, key), None)
            if content is not None:
                self.kept[drawer, key] = content

    def close(self):
        self.closed = True


def pod(name, **more):
    return {"metadata": {"name": name, "namespace": "n"}} | more


@contextlib.asynccontextmanager
async def running(keeper):
    task = asyncio.create_task(keeper.run())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def keeper_of(shelf, patience=60):
    return Keeper(shelf, patience, settle=0, pause=0)


async def eventually(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_what_an_informer_hears_is_kept_until_it_goes():
    shelf, informer = FakeShelf(), Informer(None, POD)
    keeper = keeper_of(shelf)
    keeper.follow(informer, "Pod")
    async with running(keeper):
        informer.apply(("n", "a"), pod("a"))
        informer.apply(("n", "b"), pod("b"))
        await eventually(lambda: len(shelf.kept) == 2)
        informer.apply(("n", "a"), None)
        await eventually(lambda: len(shelf.kept) == 1)
    assert orjson.loads(shelf.kept["Pod", "n/b"]) == pod("b")
    assert shelf.writes[0] == [("Pod", "n/a"), ("Pod", "n/b")], "one write for both"
    assert shelf.closed


async def test_what_did_not_change_is_not_written_again():
    shelf = FakeShelf()
    keeper = keeper_of(shelf)
    async with running(keeper):
        keeper.keep("Secret", "n/s", [1])
        await eventually(lambda: shelf.writes)
        keeper.keep("Secret", "n/s", [1])
        keeper.keep("Secret", "n/t", [2])
    assert shelf.writes == [[("Secret", "n/s")], [("Secret", "n/t")]]


async def test_what_waits_is_written_at_the_end():
    shelf = FakeShelf()
    keeper = Keeper(shelf, settle=60)
    async with running(keeper):
        await asyncio.sleep(0)
        keeper.keep("Token", "u", {"text": "t"})
        assert keeper.recall("Token", "u") == {"text": "t"}
    assert keeper.recall("Token", "u") == {"text": "t"}
    assert shelf.kept == {("Token", "u"): b'{"text":"t"}'}


async def test_a_full_disk_loses_nothing_once_it_has_room(caplog):
    shelf = FakeShelf()
    shelf.full = True
    keeper = keeper_of(shelf)
    async with running(keeper):
        keeper.keep("Pod", "n/a", 1)
        await eventually(lambda: "not kept: disk is full" in caplog.text)
        shelf.full = False
        keeper.keep("Pod", "n/b", 2)
        await eventually(lambda: len(shelf.kept) == 2)


async def test_without_a_master_an_informer_begins_with_what_was_kept():
    shelf, informer = FakeShelf(Pod_n=orjson.dumps(pod("a"))), Informer(None, POD)
    keeper = keeper_of(shelf, patience=0)
    keeper.follow(informer, "Pod")
    async with running(keeper):
        await informer.usable.wait()
    assert informer.store == {("n", "a"): pod("a")}
    assert not informer.synced.is_set()


async def test_an_informer_that_the_api_filled_is_left_alone():
    informer = Informer(None, POD)
    informer.synced.set()
    informer.restore([pod("a")])
    assert informer.store == {}


async def test_what_nobody_needs_is_taken_away():
    shelf = FakeShelf(Secret_a=b"1", Secret_b=b"2", Token_a=b"3")
    keeper = keeper_of(shelf)
    async with running(keeper):
        keeper.prune("Secret", {"b"}.__contains__)
        await eventually(lambda: shelf.writes)
    assert sorted(shelf.kept) == [("Secret", "b"), ("Token", "a")]


@pytest.mark.parametrize("heard", ["conditions", "images", "resourceVersion"])
def test_a_nodes_heartbeat_is_no_news(heard):
    node = {
        "metadata": {"name": "a", "labels": {"zone": "1"}, "resourceVersion": "1"},
        "spec": {"podCIDR": "10.42.0.0/24"},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]},
    }
    place = node["metadata"] if heard == "resourceVersion" else node["status"]
    before = essences.node(node)
    place[heard] = "later"
    assert essences.node(node) == before
    assert before["spec"]["podCIDR"] and before["metadata"]["labels"] == {"zone": "1"}
