"""Thresholds, ranks and words of eviction, and the loop that acts on them."""

import pytest

from agent.node.evicting import Evictor
from agent.node.ranking import Use, message, ranked
from agent.node.thresholds import Judge, Level, Threshold, problem, seconds, thresholds

MI = 1 << 20


def pod(name, priority=0, request="", phase="Running", **meta):
    resources = {"requests": {"memory": request}} if request else {}
    container = {"name": "main", "resources": resources}
    spec = {"priority": priority, "containers": [container], "terminationGracePeriodSeconds": 60}
    meta = {"name": name, "namespace": "n", "uid": name} | meta
    return {"metadata": meta, "spec": spec, "status": {"phase": phase}}


def memory(**used):
    return {name: {"main": Use(memory=amount * MI)} for name, amount in used.items()}


@pytest.mark.parametrize(
    ("text", "available", "met"),
    [("100Mi", 99, True), ("100Mi", 100, False), ("10%", 102, True), ("10%", 103, False)],
)
def test_a_threshold_is_a_quantity_or_a_share(text, available, met):
    levels = {"memory.available": Level(available * MI, 1024 * MI)}
    assert Threshold("memory.available", text).met(levels) is met


def test_a_signal_that_cannot_be_measured_meets_no_threshold():
    assert not Threshold("imagefs.available", "99%").met({})


@pytest.mark.parametrize(("text", "amount"), [("90", 90), ("90s", 90), ("1m30s", 90), ("1h", 3600)])
def test_seconds(text, amount):
    assert seconds(text) == amount


@pytest.mark.parametrize(
    ("hard", "soft", "said"),
    [
        ({"memory.available": "100Mi"}, {}, ""),
        ({"cpu.available": "1"}, {}, "no signal 'cpu.available'"),
        ({"memory.available": "few"}, {}, "neither a quantity"),
        ({}, {"memory.available": "200Mi"}, "needs a grace"),
    ],
)
def test_settings_are_refused_in_words(hard, soft, said):
    assert said in problem(hard, soft, {}) and bool(said) == bool(problem(hard, soft, {}))


def test_a_soft_threshold_waits_and_a_pressure_stays():
    judge = Judge(thresholds({}, {"memory.available": "200Mi"}, {"memory.available": "90s"}), transition=300)
    low, well = ({"memory.available": Level(amount * MI, 1024 * MI)} for amount in (150, 500))
    assert not judge.met(low, 0) and not judge.pressures(0)
    assert judge.met(low, 90) and judge.pressures(90) == {"MemoryPressure"}
    assert not judge.met(well, 100)
    assert judge.pressures(389) == {"MemoryPressure"} and not judge.pressures(390)


def test_memory_is_reclaimed_before_disk_and_hard_before_soft():
    found = thresholds(
        {"nodefs.available": "10%", "memory.available": "1"}, {"memory.available": "2"}, {"memory.available": "1"}
    )
    assert [(one.signal, one.grace) for one in found] == [
        ("memory.available", 0),
        ("memory.available", 1),
        ("nodefs.available", 0),
    ]


def test_who_exceeds_its_request_goes_first_then_the_less_important_then_the_larger():
    pods = [
        pod("within", request="300Mi"),
        pod("important", priority=10),
        pod("small"),
        pod("large"),
        pod("critical", priority=2_000_000_000),
        pod("ended", phase="Succeeded"),
        pod("leaving", deletionTimestamp="now"),
        pod("mirror", annotations={"kubernetes.io/config.mirror": "x"}),
    ]
    used = memory(within=299, important=400, small=10, large=100, critical=500, mirror=500)
    assert [p["metadata"]["name"] for p in ranked(pods, used, "memory")] == ["large", "small", "important", "within"]


def test_for_processes_only_importance_counts():
    pods = [pod("important", priority=1), pod("other")]
    assert [p["metadata"]["name"] for p in ranked(pods, memory(important=1), "pids")] == ["other", "important"]


def test_the_words_of_an_evicted_pod():
    threshold, level = Threshold("memory.available", "100Mi"), Level(50 * MI, 1024 * MI)
    assert message(pod("a", request="10Mi"), {"main": Use(memory=20 * MI)}, threshold, level) == (
        "The node was low on resource: memory. Threshold quantity: 102400Ki, available: 51200Ki. "
        "Container main was using 20480Ki, request is 10Mi, has larger consumption of memory. "
    )
    inodes = message(pod("a"), {}, Threshold("nodefs.inodesFree", "5%"), Level(3, 100))
    assert inodes == "The node was low on resource: inodes. Threshold quantity: 5, available: 3. "


class Node:
    """A node whose memory comes back with a pod's end."""

    def __init__(self, hard, soft):
        self.available, self.now, self.said, self.ended = 50 * MI, 0.0, [], []
        self.disk, self.after, self.reclaimed = 500 * MI, 500 * MI, 0
        self.there = [pod("small"), pod("large")]
        judge = Judge(thresholds(hard, soft, dict.fromkeys(soft, "0s")), transition=300)
        self.evictor = Evictor(
            judge, self.levels, self.uses, lambda: self.there, self.reclaim, self.evict,
            lambda *words: self.said.append(words), 30, lambda: self.now, self.sleep,
        )  # fmt: skip

    def levels(self):
        return {
            "memory.available": Level(self.available, 1024 * MI),
            "nodefs.available": Level(self.disk, 1024 * MI),
        }

    async def reclaim(self):
        self.reclaimed += 1
        self.disk = self.after

    async def uses(self):
        return memory(small=10, large=100)

    def evict(self, uid, said, grace):
        self.ended.append((uid, grace))

    async def sleep(self, seconds):
        self.now += seconds
        self.there = [p for p in self.there if p["metadata"]["uid"] not in dict(self.ended)]
        self.available = 200 * MI


async def test_one_pod_goes_at_a_time_and_the_pressure_is_told():
    node = Node({"memory.available": "100Mi"}, {})
    assert node.evictor.pressures() == {"MemoryPressure"}
    await node.evictor.act()
    await node.evictor.act()
    assert node.ended == [("large", 1)]
    assert node.said == [("Warning", "EvictionThresholdMet", "Attempting to reclaim memory")]
    assert node.evictor.pressures() == {"MemoryPressure"}
    node.now += 301
    assert node.evictor.pressures() == frozenset()


async def test_a_pod_that_hangs_is_not_waited_for_forever():
    node = Node({"memory.available": "100Mi"}, {})

    async def sleep(seconds):
        node.now += seconds

    node.evictor.sleep = sleep
    await node.evictor.act()
    assert node.ended == [("large", 1)] and node.now >= 31


async def test_a_node_without_pods_says_so_and_goes_on(caplog):
    node = Node({"memory.available": "100Mi"}, {})
    node.there = []
    await node.evictor.act()
    assert not node.ended and "no pod may be evicted" in caplog.text


@pytest.mark.parametrize(("after", "ended"), [(500, []), (60, [("small", 1)])], ids=["enough", "not enough"])
async def test_images_go_before_pods_where_the_disk_runs_short(after, ended):
    node = Node({"nodefs.available": "10%"}, {})
    node.disk, node.after = 50 * MI, after * MI
    await node.evictor.act()
    assert (node.reclaimed, node.ended) == (1, ended)


async def test_memory_is_not_found_on_the_disk():
    node = Node({"memory.available": "100Mi"}, {})
    await node.evictor.act()
    assert not node.reclaimed
