"""Ephemeral containers: what may be added to a running pod to look into it."""

from __future__ import annotations

from master.api.validation.problems import Path, Problems
from master.api.validation.rules import Object, Rules, check

ALLOWED = frozenset(
    {
        "name",
        "image",
        "command",
        "args",
        "workingDir",
        "envFrom",
        "env",
        "volumeMounts",
        "volumeDevices",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "imagePullPolicy",
        "securityContext",
        "stdin",
        "stdinOnce",
        "tty",
        "targetContainerName",
    }
)


def ephemeral_containers(spec: Object, at: Path, out: Problems, rules: Rules) -> None:
    everyone = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    named = {container.get("name") for container in everyone}
    seen = set(named)
    for index, container in enumerate(spec["ephemeralContainers"]):
        here, name = at / "ephemeralContainers" / index, container.get("name")
        check(rules, container, here, out)
        if name and name in seen:
            out.duplicate(here / "name", name)
        seen.add(name)
        target = container.get("targetContainerName")
        if target and target not in named:
            out.not_found(here / "targetContainerName", target)
        for field, value in container.items():
            if value and field not in ALLOWED:
                out.forbidden(here / field, "cannot be set for an Ephemeral Container")
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            if mount.get("subPath"):
                out.forbidden(here / "volumeMounts" / number / "subPath", "cannot be set for an Ephemeral Container")
