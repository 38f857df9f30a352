"""The node's numbers: rates between two looks, Prometheus' text, the summary."""

import pytest

from agent.api.numbers import Family, cadvisor_metrics, exposition, resource_metrics, summary
from agent.api.sampling import Look, NodeUse, Sampler, rates
from agent.runtime.words import Usage

LABELS = {
    "io.kubernetes.pod.name": "p",
    "io.kubernetes.pod.namespace": "n",
    "io.kubernetes.pod.uid": "u",
    "io.kubernetes.container.name": "c",
}
POD = {
    "metadata": {"name": "p", "namespace": "n", "uid": "u"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
    "status": {
        "startTime": "2026-01-01T00:00:00Z",
        "containerStatuses": [{"name": "c", "state": {"running": {"startedAt": "2026-01-01T00:00:01Z"}}}],
    },
}


def look(time, cpu, node_cpu=0.0):
    use = NodeUse(time, node_cpu, 300, 1000, 20, 100, 2.0)
    return Look(use, [Usage("id", "c", LABELS, time, cpu, 50, 70, 30, 5, 2)])


class Machine:
    """A machine whose clock goes on by what is waited."""

    def __init__(self):
        self.time, self.looks = 1000.0, 0

    async def look(self):
        self.looks += 1
        return look(self.time, self.time / 10, self.time / 2)

    async def wait(self, seconds):
        self.time += seconds


async def test_the_first_question_waits_for_a_second_look_and_the_next_does_not():
    machine = Machine()
    sampler = Sampler(machine.look, machine.wait)
    _, first = await sampler.now()
    assert (machine.looks, machine.time) == (2, 1001.0)
    assert first.containers["id"] == pytest.approx(0.1) and first.node == pytest.approx(0.5)
    machine.time += 20
    _, second = await sampler.now()
    assert machine.looks == 3 and second.node == pytest.approx(0.5)


async def test_a_look_of_long_ago_is_of_no_use():
    machine = Machine()
    sampler = Sampler(machine.look, machine.wait)
    await sampler.now()
    machine.time += 100
    await sampler.now()
    assert machine.time == 1102.0


def test_a_container_that_is_new_has_no_rate_and_none_is_negative():
    before, now = look(1.0, 5.0), look(2.0, 4.0)
    assert rates(before, now).containers == {"id": 0.0}
    assert rates(Look(before.node, []), now).containers == {}


def test_prometheus_text():
    family = Family("m", "gauge", "Help", [({"a": 'x"\n\\'}, 1.5), ({}, 2)])
    assert exposition([family]) == '# HELP m Help\n# TYPE m gauge\nm{a="x\\"\\n\\\\"} 1.5\nm 2\n'


def test_what_an_autoscaler_reads():
    text = exposition(resource_metrics(look(10.0, 1.25, 7.0), [POD]))
    for line in (
        'container_cpu_usage_seconds_total{container="c",namespace="n",pod="p"} 1.25',
        'container_start_time_seconds{container="c",namespace="n",pod="p"} 1767225601',
        "node_cpu_usage_seconds_total 7",
        "node_memory_working_set_bytes 300",
        'pod_memory_working_set_bytes{namespace="n",pod="p"} 50',
    ):
        assert f"\n{line}\n" in text


def test_containers_with_image_and_id():
    text = exposition(cadvisor_metrics(look(10.0, 1.25), [POD]))
    assert 'container_memory_rss{container="c",namespace="n",pod="p",id="id",image="i",name="id"} 30\n' in text
    assert "machine_cpu_cores 2\n" in text


def test_the_summary():
    now = look(2.0, 1.5, 4.0)
    told = summary("node", now, rates(look(1.0, 1.0, 3.0), now), [POD])
    assert told["node"]["cpu"]["usageNanoCores"] == 1_000_000_000
    assert told["node"]["memory"]["availableBytes"] == 700
    [pod] = told["pods"]
    assert pod["podRef"] == {"name": "p", "namespace": "n", "uid": "u"}
    assert pod["cpu"]["usageNanoCores"] == pod["containers"][0]["cpu"]["usageNanoCores"] == 500_000_000
    assert pod["containers"][0]["startTime"] == "2026-01-01T00:00:01Z"
