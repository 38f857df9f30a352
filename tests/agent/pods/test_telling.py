"""What is told of a pod: last words, thresholds, patches, orphans, phases."""

import asyncio

import pytest

from agent.api.numbers import exposition
from agent.api.probed import probe_metrics
from agent.clocks import Clocks
from agent.pods.agent import orphans
from agent.pods.counting import ProbeCounts
from agent.pods.handling import Answer, Asked, Outcome, ask, port_number
from agent.pods.memory import Memory
from agent.pods.messages import log_tail, termination_message
from agent.pods.observed import Attempt, Observed
from agent.pods.observing import Sight
from agent.pods.probing import Tally
from agent.pods.reporting import Reporter, patch_body
from agent.pods.statuses import Place, status
from agent.runtime.contract import RuntimeFailure
from agent.runtime.words import Container, ContainerState, Sandbox
from agent.runtime.words import Outcome as Said

S, F, U = Outcome.SUCCESS, Outcome.FAILURE, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("start", "probe", "answers", "holds"),
    [
        pytest.param(True, {}, [F, F], True, id="two failures are borne"),
        pytest.param(True, {}, [F, F, F], False, id="three are not"),
        pytest.param(True, {}, [F, F, S, F, F], True, id="a success between"),
        pytest.param(True, {}, [F, F, U, U, F], False, id="unknown counts for nothing"),
        pytest.param(False, {}, [S], True, id="one success"),
        pytest.param(False, {"successThreshold": 2}, [S, F, S], False, id="not twice in a row"),
        pytest.param(False, {"successThreshold": 2}, [F, S, S], True, id="twice in a row"),
        pytest.param(True, {"failureThreshold": 1}, [F], False, id="one failure"),
    ],
)
def test_thresholds(start, probe, answers, holds):
    tally = Tally(start)
    for answer in answers:
        tally = tally.count(answer, probe)
    assert tally.holds is holds


LOG = b"2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:00Z stderr P tw\n2026-01-01T00:00:00Z stderr F o\n"


def test_the_end_of_a_log():
    assert log_tail(LOG) == "one\ntwo\n"


@pytest.mark.parametrize(
    ("text", "policy", "exit_code", "message"),
    [
        (b"why", "File", 1, "why"),
        (b"", "File", 1, ""),
        (b"", "FallbackToLogsOnError", 1, "one\ntwo\n"),
        (b"", "FallbackToLogsOnError", 0, ""),
        (b"why", "FallbackToLogsOnError", 1, "why"),
        (b"x" * 5000, "File", 0, "x" * 4096),
    ],
)
def test_last_words(tmp_path, text, policy, exit_code, message):
    (tmp_path / "file").write_bytes(text)
    (tmp_path / "log").write_bytes(LOG)
    container = {"terminationMessagePolicy": policy}
    assert termination_message(container, exit_code, tmp_path / "file", tmp_path / "log") == message


def test_a_message_file_that_was_removed_is_no_message(tmp_path):
    assert termination_message({}, 1, tmp_path / "none", tmp_path / "none") == ""


def test_a_patch_clears_what_is_absent_and_replaces_addresses():
    body = patch_body({"phase": "Running", "podIPs": [{"ip": "1"}]})
    assert body == {
        "phase": "Running",
        "reason": None,
        "message": None,
        "podIPs": [{"$patch": "replace"}, {"ip": "1"}],
    }


class Fake:
    """A runtime whose commands end as told."""

    def __init__(self, result):
        self.result = result

    async def exec_sync(self, container_id, command, timeout):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (Said(0, b"", b""), S),
        (Said(1, b"", b"no"), F),
        (RuntimeFailure("DEADLINE_EXCEEDED", "slow"), F),
        (RuntimeFailure("UNKNOWN", "no such program"), U),
    ],
)
async def test_commands_as_probes(result, outcome):
    asked = Asked("id", "127.0.0.1", {"name": "c"})
    assert (await ask(Fake(result), {"exec": {"command": ["x"]}}, asked, 1)).outcome is outcome


async def test_a_closed_port_is_a_failure():
    asked = Asked("id", "127.0.0.1", {"name": "c"})
    dial = "dial tcp 127.0.0.1:1: connect: connection refused"
    assert await ask(Fake(None), {"tcpSocket": {"port": 1}}, asked, 1) == Answer(F, dial)
    assert await ask(Fake(None), {"httpGet": {"port": 1}}, asked, 1) == Answer(F, f'Get "http://127.0.0.1:1/": {dial}')


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Answer(S, served=True)),
        (b"HTTP/1.1 302 Found\r\n\r\n", Answer(S, served=True)),
        (b"HTTP/1.1 503 No\r\n\r\n", Answer(F, "HTTP probe failed with statuscode: 503", True)),
        (b"hello\r\n", Answer(F, "malformed HTTP response")),
    ],
)
async def test_answers_of_a_web_server(line, outcome):
    heard = []

    async def serve(reader, writer):
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(line)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        container = {"name": "c", "ports": [{"name": "web", "containerPort": port}]}
        handler = {"httpGet": {"port": "web", "path": "x", "httpHeaders": [{"name": "host", "value": "h"}]}}
        assert await ask(Fake(None), handler, Asked("id", "127.0.0.1", container), 5) == outcome
    assert heard[0].startswith(b"GET /x HTTP/1.1\r\nHost: h\r\nUser-Agent: kube-probe/")


async def test_a_silent_server_is_given_its_time():
    done = asyncio.Event()

    async def serve(reader, writer):
        await done.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await ask(Fake(None), {"httpGet": {"port": port}}, Asked("id", "127.0.0.1", {}), 0.01)
        done.set()
    assert answer.outcome is F and "context deadline exceeded" in answer.said


def test_answers_of_probes_are_counted():
    counts = ProbeCounts()
    labels = {"container": "c", "namespace": "n", "pod": "p", "pod_uid": "u"}
    for outcome, seconds in ((S, 0.004), (F, 0.3), (S, 20.0)):
        counts.of("id", "Liveness", labels).add(outcome, seconds)
    text = exposition(probe_metrics(counts))
    who = 'container="c",namespace="n",pod="p"'
    for line in (
        f'prober_probe_total{{{who},pod_uid="u",probe_type="Liveness",result="successful"}} 2',
        f'prober_probe_duration_seconds_bucket{{{who},probe_type="Liveness",le="0.5"}} 2',
        f'prober_probe_duration_seconds_bucket{{{who},probe_type="Liveness",le="+Inf"}} 3',
        f'prober_probe_duration_seconds_count{{{who},probe_type="Liveness"}} 3',
    ):
        assert f"\n{line}\n" in text
    counts.forget("id")
    assert not list(counts)


def test_ports_by_name():
    container = {"ports": [{"name": "http", "containerPort": 80}]}
    assert (port_number("http", container), port_number("81", container), port_number(82, container)) == (80, 81, 82)
    with pytest.raises(ValueError, match="couldn't find port"):
        port_number("none", container)


def test_orphans_are_known_by_their_labels():
    labels = {"io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "n", "io.kubernetes.pod.uid": "u"}
    sandbox = Sandbox("s", "p", "n", "u", 0, True, 0.0, labels, {"io.kubernetes.pod.terminationGracePeriod": "7"})
    container = Container(
        "c0", "s", "c", 0, "i", "i", ContainerState.RUNNING, 0.0, labels | {"io.kubernetes.container.name": "c"}
    )
    (found,) = orphans([sandbox], [container], set())
    assert found["metadata"]["name"] == "p" and found["metadata"]["deletionGracePeriodSeconds"] == 7
    assert found["spec"] == {"containers": [{"name": "c"}]}
    assert orphans([sandbox], [container], {"u"}) == []


# Statuses: the recordings hold the whole; here is what they do not show.

POD = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


def attempt(state, **more):
    return Attempt("id", "c", 0, "s", state, "i", started_at=1.0, **more)


def told(seen, pod=POD, **place):
    return status(pod, seen, Place(**place), 100.0)


def test_a_condition_keeps_its_time_while_its_status_stays():
    old = {"type": "Initialized", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    pod = {**POD, "status": {"conditions": [old, {"type": "Ready", "status": "True", "lastTransitionTime": "x"}]}}
    found = {c["type"]: c["lastTransitionTime"] for c in told(Observed(), pod)["conditions"]}
    assert found["Initialized"] == "2020-01-01T00:00:00Z"
    assert found["Ready"] == "1970-01-01T00:01:40Z"


def test_a_pod_on_the_host_s_network_has_its_addresses():
    pod = {**POD, "spec": {**POD["spec"], "hostNetwork": True}}
    sandbox = Sandbox("s", "p", "n", "u", 0, True, 0.0)
    found = told(Observed(sandboxes=(sandbox,)), pod, host_ips=("192.0.2.1", "fd00::1"))
    assert (found["podIP"], found["hostIP"]) == ("192.0.2.1", "192.0.2.1")
    assert found["podIPs"] == [{"ip": "192.0.2.1"}, {"ip": "fd00::1"}]


def test_a_message_is_told_with_the_end():
    ended = attempt(ContainerState.EXITED, exit_code=1, finished_at=2.0)
    seen = Observed(attempts={"c": (ended,)})
    state = told(seen, messages={"id": "why"})["containerStatuses"][0]["state"]
    assert state["terminated"] == {
        "exitCode": 1,
        "reason": "Error",
        "message": "why",
        "startedAt": "1970-01-01T00:00:01Z",
        "finishedAt": "1970-01-01T00:00:02Z",
        "containerID": "containerd://id",
    }


def test_the_count_of_restarts_goes_on_after_a_reboot():
    state = {"name": "c", "containerID": "containerd://x", "restartCount": 4}
    pod = {**POD, "status": {"phase": "Running", "containerStatuses": [state], "startTime": "2020-01-01T00:00:00Z"}}
    memory = Memory.of(pod, Clocks())
    seen = memory.observed(Sight((), {}), {})
    assert (seen.floors, seen.started_at) == ({"c": 5}, 1577836800.0)
    assert told(seen, pod)["containerStatuses"][0]["restartCount"] == 4


class Client:
    """Records what is patched; the API's version counts up."""

    def __init__(self):
        self.bodies = []

    async def patch(self, kind, namespace, name, body, type, subresource):
        self.bodies.append(body["status"])
        return {"metadata": {"resourceVersion": str(len(self.bodies) * 10)}}


def api_copy(version, ready):
    conditions = [{"type": "Ready", "status": ready, "reason": None if ready == "True" else "NodeNotReady"}]
    return {"metadata": {"resourceVersion": str(version)}, "status": {"phase": "Running", "conditions": conditions}}


async def test_a_status_that_others_wrote_over_is_told_again():
    client, word = Client(), api_copy(0, "True")["status"]
    reporter = Reporter(client, POD)
    running = asyncio.create_task(reporter.run())
    for _ in range(2):
        reporter.tell(word)
        await reporter.flushed()
    assert len(client.bodies) == 1, "what was told is not told again"
    assert reporter.reflected(api_copy(5, "False"), word), "an older copy proves nothing"
    assert reporter.reflected(api_copy(15, "True"), word)
    assert not reporter.reflected(api_copy(15, "False"), word)
    reporter.again()
    await reporter.flushed()
    assert len(client.bodies) == 2
    running.cancel()
