"""What one container finds mounted: its volumes, /etc/hosts and its termination log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.pods.containers import DEFAULT_MESSAGE_PATH
from agent.pods.environment import ConfigError, expand, names_in
from agent.pods.observed import Pod
from agent.pods.places import Paths
from agent.pods.volumes.mounting import Volume, host_folder, kind_of
from agent.pods.volumes.subpaths import bind_subpath
from agent.runtime.words import Mount, Propagation

HOSTS = "/etc/hosts"


def container_mounts(
    pod: Pod,
    container: Mapping[str, Any],
    attempt: int,
    paths: Paths,
    volumes: Mapping[str, Volume],
    known: Mapping[str, str],
) -> tuple[Mount, ...]:
    """The mounts, made ready: subpaths bound, the termination log there.

    `volumes` are the pod's by name, as they were made ready; `known` expands subPathExpr.
    """
    uid = pod["metadata"]["uid"]
    found = []
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        volume = volumes[mount["name"]]
        folder = host_folder(volume, uid, paths)
        inner = _inner(mount, known)
        if inner:
            target = paths.pod(uid) / "subpaths" / container["name"] / f"{number}"
            bind_subpath(folder, inner, target)
            folder = target
        found.append(
            Mount(
                mount["mountPath"],
                str(folder),
                bool(mount.get("readOnly") or (volume.get(kind_of(volume)) or {}).get("readOnly")),
                Propagation(mount.get("mountPropagation") or "None"),
            )
        )
    taken = {mount.container_path.rstrip("/") for mount in found}
    if HOSTS not in taken:
        found.append(Mount(HOSTS, str(paths.hosts(uid))))
    log = _termination_log(paths.termination(uid, container["name"], attempt))
    return (*found, Mount(container.get("terminationMessagePath") or DEFAULT_MESSAGE_PATH, str(log)))


def _inner(mount: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """The path inside the volume; a variable that is empty counts as one that is not set."""
    expression = mount.get("subPathExpr") or ""
    missing = sorted({name for name in names_in(expression) if not known.get(name)})
    if missing:
        raise ConfigError(f"missing value for {', '.join(missing)}")
    inner = str(mount.get("subPath") or expand(expression, known))
    if inner.startswith("/"):
        raise ConfigError(f"error SubPath `{inner}` must not be an absolute path")
    if ".." in Path(inner).parts:
        raise ConfigError(f"unable to provision SubPath `{inner}`: must not contain '..'")
    return inner


def _termination_log(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o666)
    return path
