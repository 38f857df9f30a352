"""Words into CRI's messages and back, and containerd's config."""

import tomllib
from pathlib import Path

import pytest

from agent.runtime import decoding, encoding
from agent.runtime.configuration import ContainerdPlace, containerd_config
from agent.runtime.importing import _complaint
from agent.runtime.proto import containerd_events_pb2 as events
from agent.runtime.proto import cri_pb2 as cri
from agent.runtime.words import (
    ContainerConfig,
    ContainerState,
    Dns,
    Exit,
    Mount,
    Namespace,
    Namespaces,
    PortMapping,
    Profile,
    Propagation,
    Resources,
    SandboxConfig,
    Security,
)


def test_a_sandbox():
    config = SandboxConfig(
        "p", "n", "u", 1, "h", "/logs", Dns(("10.43.0.10",)), (PortMapping("UDP", 53, 5353),),
        cgroup_parent="/kubepods", namespaces=Namespaces(network=Namespace.NODE), seccomp=Profile("RuntimeDefault"),
    )  # fmt: skip
    found = encoding.sandbox_config(config)
    assert (found.metadata.name, found.metadata.attempt, found.hostname) == ("p", 1, "h")
    assert found.port_mappings[0].protocol == cri.UDP
    assert found.linux.security_context.namespace_options.network == cri.NODE
    assert list(found.dns_config.servers) == ["10.43.0.10"]


def test_a_container():
    config = ContainerConfig(
        "c",
        "i",
        env=(("A", "1"),),
        mounts=(Mount("/in", "/out", True, Propagation.HOST_TO_CONTAINER),),
        resources=Resources(memory_limit=1, hugepages={"2Mi": 2}),
        security=Security(user=0, seccomp=Profile("Localhost", "/x")),
    )
    found = encoding.container_config(config)
    assert found.mounts[0].propagation == cri.PROPAGATION_HOST_TO_CONTAINER
    assert found.linux.security_context.HasField("run_as_user")
    assert not found.linux.security_context.HasField("run_as_group")
    assert found.linux.security_context.seccomp.localhost_ref == "/x"
    assert found.linux.resources.hugepage_limits[0].limit == 2


def test_times_are_seconds():
    status = decoding.container_status(cri.ContainerStatus(started_at=1_500_000_000, state=cri.CONTAINER_EXITED))
    assert (status.started_at, status.finished_at, status.state) == (1.5, 0.0, ContainerState.EXITED)


@pytest.mark.parametrize(
    ("image", "user"),
    [
        (cri.Image(), None),
        (cri.Image(uid=cri.Int64Value(value=0)), 0),
        (cri.Image(username="www"), "www"),
    ],
)
def test_whom_an_image_runs_as(image, user):
    assert decoding.image(image).user == user


def envelope(topic, message):
    wrapped = events.Envelope(topic=topic)
    wrapped.event.value = message.SerializeToString()
    return wrapped


@pytest.mark.parametrize(
    ("told", "ending"),
    [
        (envelope("/tasks/exit", events.TaskExit(container_id="c", id="c", exit_status=3)), Exit("c", 3)),
        (envelope("/tasks/exit", events.TaskExit(container_id="c", id="exec")), None),
        (envelope("/tasks/oom", events.TaskOOM(container_id="c")), Exit("c", oom=True)),
    ],
    ids=["container", "exec", "out of memory"],
)
def test_endings(told, ending):
    assert decoding.ending(told) == ending


def test_ctr_s_last_words_are_the_complaint():
    assert _complaint("warning: x\nctr: unrecognized image format\n\n") == "unrecognized image format"


def test_containerd_s_config_is_toml_and_says_what_a_virtual_node_needs():
    place = ContainerdPlace(Path("/d/root"), Path("/d/state"), Path("/d/cni"), socket=Path('/d/a "b".sock'))
    config = tomllib.loads(containerd_config(place, restrict_oom_score_adj=True, snapshotter="native", apparmor=False))
    cri_config = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert (config["root"], config["grpc"]["address"]) == ("/d/root", '/d/a "b".sock')
    assert (cri_config["sandbox_image"], cri_config["restrict_oom_score_adj"]) == ("wherry.local/pause:1", True)
    assert cri_config["containerd"]["snapshotter"] == "native"
    assert cri_config["cni"] == {"bin_dir": "/usr/lib/cni", "conf_dir": "/d/cni", "max_conf_num": 1}
