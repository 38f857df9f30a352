"""A container of a spec into what the runtime is asked to make.  Pure, given its mounts and surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.pods.environment import Surroundings, container_environment, expand
from agent.pods.observed import Pod
from agent.pods.places import NodeFacts
from agent.pods.planning import spec_hash
from agent.pods.resizing import resources_text
from agent.pods.resources import container_resources, qos_class
from agent.pods.sandboxes import pod_labels
from agent.pods.security import container_security
from agent.runtime.words import ContainerConfig, Image, Mount

CONTAINER_NAME = "io.kubernetes.container.name"
HASH = "io.kubernetes.container.hash"
RESOURCES = "wherry.dev/resources"
RESTARTS = "io.kubernetes.container.restartCount"
MESSAGE_PATH = "io.kubernetes.container.terminationMessagePath"
MESSAGE_POLICY = "io.kubernetes.container.terminationMessagePolicy"
DEFAULT_MESSAGE_PATH = "/dev/termination-log"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was made ready outside the pure part: the image, the mounts, a container whose processes are shared."""

    image: Image
    mounts: tuple[Mount, ...]
    node: NodeFacts
    target_id: str = ""


def container_config(
    pod: Pod, container: Mapping[str, Any], attempt: int, prepared: Prepared, around: Surroundings
) -> ContainerConfig:
    environment = container_environment(pod, container, around)
    known = dict(environment)
    name = container["name"]
    return ContainerConfig(
        name=name,
        image=prepared.image.id,
        attempt=attempt,
        command=tuple(expand(word, known) for word in container.get("command") or ()),
        args=tuple(expand(word, known) for word in container.get("args") or ()),
        working_dir=container.get("workingDir") or "",
        env=tuple(environment),
        mounts=prepared.mounts,
        labels={**pod_labels(pod), CONTAINER_NAME: name},
        annotations={
            HASH: spec_hash(container),
            RESOURCES: resources_text(container),
            RESTARTS: str(attempt),
            MESSAGE_PATH: container.get("terminationMessagePath") or DEFAULT_MESSAGE_PATH,
            MESSAGE_POLICY: container.get("terminationMessagePolicy") or "File",
        },
        log_path=f"{name}/{attempt}.log",
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
        resources=container_resources(container, qos_class(pod), prepared.node),
        security=container_security(pod, container, prepared.image, prepared.target_id, prepared.node.seccomp),
    )


def find_container(pod: Pod, name: str) -> dict[str, Any]:
    """The container of any sort by its name; KeyError when the spec has none."""
    spec = pod["spec"]
    for group in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(group) or ():
            if container["name"] == name:
                return dict(container)
    raise KeyError(name)
