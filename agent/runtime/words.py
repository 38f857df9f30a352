"""What the agent says to a runtime and hears from it: plain data, times in seconds since the epoch (0: never)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ContainerState(Enum):
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"
    UNKNOWN = "unknown"


class Namespace(Enum):
    """Whose namespace a container lives in: its sandbox's, its own, the node's, or another container's."""

    POD = "pod"
    CONTAINER = "container"
    NODE = "node"
    TARGET = "target"


class Propagation(Enum):
    PRIVATE = "None"
    HOST_TO_CONTAINER = "HostToContainer"
    BIDIRECTIONAL = "Bidirectional"


# What is asked for


@dataclass(frozen=True, slots=True)
class Namespaces:
    network: Namespace = Namespace.POD
    pid: Namespace = Namespace.CONTAINER
    ipc: Namespace = Namespace.POD
    target_id: str = ""


@dataclass(frozen=True, slots=True)
class Dns:
    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortMapping:
    protocol: str
    container_port: int
    host_port: int
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What confines a container: for seccomp, or for AppArmor.

    `kind` is RuntimeDefault, Unconfined or Localhost; only Localhost has a file.
    """

    kind: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """`attempt` counts the sandboxes of one pod: a second one is made when the first died."""

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    dns: Dns | None = None
    ports: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    namespaces: Namespaces = Namespaces()
    privileged: bool = False
    seccomp: Profile | None = None
    runtime_handler: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    container_path: str
    host_path: str
    readonly: bool = False
    propagation: Propagation = Propagation.PRIVATE


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits as the kernel counts them: microseconds, shares, bytes; 0 leaves one alone."""

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit: int = 0
    oom_score_adj: int = 0
    hugepages: Mapping[str, int] = field(default_factory=dict)
    unified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Security:
    user: int | str | None = None
    group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    privileged: bool = False
    readonly_rootfs: bool = False
    no_new_privileges: bool = False
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()
    seccomp: Profile | None = None
    apparmor: Profile | None = None
    namespaces: Namespaces = Namespaces()


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """`log_path` is relative to the sandbox's log directory; `command` and `args` are CRI's: entry point and its arguments."""

    name: str
    image: str
    attempt: int = 0
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    resources: Resources = Resources()
    security: Security = Security()


@dataclass(frozen=True, slots=True)
class Login:
    """A registry's credentials, as a docker config file holds them."""

    username: str = ""
    password: str = ""
    auth: str = ""
    server: str = ""
    identity_token: str = ""


# What is heard


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`ips` is known only to `sandbox_status`: a list of sandboxes leaves it empty."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    ready: bool
    created_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """One row of the runtime's list; `status` has what it lacks (times, exit code)."""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    image: str
    image_ref: str
    state: ContainerState
    created_at: float
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    id: str
    name: str
    attempt: int
    state: ContainerState
    image: str
    image_ref: str
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """`user` is what the image says it runs as: a number, a name, or None when it says nothing.

    A `pinned` one is the runtime's own, which must stay.
    """

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size: int
    user: int | str | None = None
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command inside a container said."""

    exit_code: int
    stdout: bytes
    stderr: bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """One container's use at `time`; CPU in seconds since its start, memory and disk in bytes."""

    container_id: str
    name: str
    labels: Mapping[str, str]
    time: float
    cpu_seconds: float
    working_set: int
    memory: int
    rss: int
    disk: int
    inodes: int


@dataclass(frozen=True, slots=True)
class Filesystem:
    """Where images and writable layers lie and what they take."""

    mountpoint: str
    used_bytes: int
    used_inodes: int


@dataclass(frozen=True, slots=True)
class Condition:
    """RuntimeReady or NetworkReady."""

    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Version:
    name: str
    version: str
    api_version: str


@dataclass(frozen=True, slots=True)
class Exit:
    """A container's main process ended, or its memory ran out (`oom`; the end follows)."""

    container_id: str
    exit_code: int = 0
    oom: bool = False
