"""Which images leave a disk that fills up, and which never do."""

import pytest

from agent.node.collecting import Collector, Rule, to_free
from agent.node.thresholds import Level
from agent.pods.images import images_of
from agent.runtime.contract import RuntimeFailure
from agent.runtime.words import Container, ContainerState, Image
from kube.images import full_name


def image(name, size=10, **more):
    return Image(f"id-{name}", (f"r.example/{name}:1",), (f"r.example/{name}@sha256:1",), size, **more)


class Runtime:
    """Holds images and containers; `silent` registries refuse."""

    def __init__(self, *images):
        self.images = {one.id: one for one in images}
        self.containers, self.silent, self.asked = [], set(), []

    def run(self, one):
        self.containers.append(Container("c", "s", "c", 0, one.tags[0], one.id, ContainerState.EXITED, 0.0, {}, {}))

    async def list_images(self):
        return list(self.images.values())

    async def list_containers(self):
        return self.containers

    async def pull_image(self, name, login=None):
        self.asked.append(name)
        if name in self.silent:
            raise RuntimeFailure("UNKNOWN", "no route")

    async def remove_image(self, image):
        del self.images[image]


class Node:
    """A disk of 100 bytes of which `taken` are taken by other things than images."""

    def __init__(self, *images, taken=60):
        self.runtime, self.taken, self.now, self.wanted, self.said = Runtime(*images), taken, 1000.0, [], []
        rule = Rule(85, 80, 120.0)
        self.collector = Collector(
            self.runtime, rule, self.disk, lambda: self.wanted, lambda *words: self.said.append(words), lambda: self.now
        )

    def disk(self):
        return Level(100 - self.taken - sum(one.size for one in self.runtime.images.values()), 100)

    async def look(self, later=200.0):
        await self.collector.look()
        self.now += later
        await self.collector.look()
        return sorted(one.tags[0][10:-2] for one in self.runtime.images.values())


@pytest.mark.parametrize(("taken", "freed"), [(84, 0), (85, 5), (100, 20)])
def test_how_much_is_to_be_freed(taken, freed):
    assert to_free(Rule(85, 80), Level(100 - taken, 100)) == freed
    assert to_free(Rule(85, 80), Level(0, 0)) == 0


async def test_a_disk_with_room_keeps_everything():
    assert await Node(image("a"), image("b"), taken=10).look() == ["a", "b"]


async def test_what_nothing_runs_from_goes_as_far_as_is_needed():
    node = Node(image("a"), image("b"), image("c"), taken=58)
    assert await node.look() == ["b", "c"] and not node.said[1:]


async def test_an_image_that_was_of_use_of_late_goes_last():
    node = Node(image("a"), image("b"), image("c"), taken=58)
    node.wanted = ["r.example/a:1"]
    await node.collector.look()
    node.wanted = []
    assert await node.look() == ["a", "c"]


async def test_what_a_container_has_even_one_that_ended_stays():
    node = Node(image("a"), image("b"))
    node.taken = 79
    node.runtime.run(image("a"))
    assert await node.look() == ["a"]
    assert node.said[-1][1] == "FreeDiskSpaceFailed" and "free 19 bytes, but only found 10" in node.said[-1][2]


async def test_an_image_that_just_came_stays():
    assert await Node(image("a"), taken=80).look(later=60.0) == ["a"]


async def test_what_the_runtime_pins_stays():
    assert await Node(image("a", pinned=True), taken=80).look() == ["a"]


async def test_what_could_not_be_pulled_again_stays_and_is_not_asked_for_at_each_look():
    node = Node(image("a"), image("b"), taken=72)
    node.runtime.silent = {"r.example/a@sha256:1"}
    node.runtime.images["id-archive"] = Image("id-archive", ("r.example/archive:1",), (), 5)
    assert await node.look() == ["a", "archive"]
    await node.collector.reclaim()
    assert node.runtime.asked.count("r.example/a@sha256:1") == 1


async def test_before_a_pod_is_evicted_everything_of_no_use_goes():
    node = Node(image("a"), image("b"), taken=10)
    node.wanted = ["r.example/b:1"]
    await node.collector.reclaim()
    assert list(node.runtime.images) == ["id-b"]


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("me/app:2", "docker.io/me/app:2"),
        ("r.example:5000/app", "r.example:5000/app:latest"),
        ("r.example/app@sha256:1", "r.example/app@sha256:1"),
    ],
)
def test_an_image_is_known_by_its_full_name(name, full):
    assert full_name(name) == full
    assert images_of({"spec": {"containers": [{"image": name}], "initContainers": None}}) == [full]
