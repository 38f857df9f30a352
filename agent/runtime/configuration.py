"""The text of containerd's config file (version 2) for a node: rendered whole, stable.

Facts: the pause image is ours, since no registry is assumed; CNI comes from Debian's directory; where a process may not
lower OOM scores (a virtual node) CRI must not try (`restrict_oom_score_adj`); overlayfs cannot have its upper directory on
another overlay, so the root lies on the real disk, or the snapshotter is `native`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PAUSE = "wherry.local/pause:1"
CNI_PLUGINS = Path("/usr/lib/cni")
DISABLED = ("io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp")
UNUSED_SNAPSHOTTERS = ("aufs", "btrfs", "devmapper", "zfs")


@dataclass(frozen=True, slots=True)
class ContainerdPlace:
    """Where one containerd keeps what: `root` outlives a reboot, `state` need not."""

    root: Path = Path("/var/lib/wherry/containerd")
    state: Path = Path("/run/wherry/containerd")
    cni_config: Path = Path("/etc/cni/net.d")
    cni_plugins: Path = CNI_PLUGINS
    socket: Path = field(default=Path("/run/wherry/containerd/containerd.sock"))


def containerd_config(
    place: ContainerdPlace,
    *,
    restrict_oom_score_adj: bool = False,
    snapshotter: str = "overlayfs",
    systemd_cgroup: bool = False,
    apparmor: bool = True,
    registries: Path | None = None,
) -> str:
    """`registries` is a directory of hosts.toml files, for mirrors."""
    disabled = [*DISABLED, *(f"io.containerd.snapshotter.v1.{name}" for name in UNUSED_SNAPSHOTTERS)]
    return f"""\
version = 2
root = {_text(place.root)}
state = {_text(place.state)}
disabled_plugins = [{", ".join(_text(name) for name in disabled)}]
oom_score = 0

[grpc]
  address = {_text(place.socket)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {_text(PAUSE)}
  restrict_oom_score_adj = {_flag(restrict_oom_score_adj)}
  disable_apparmor = {_flag(not apparmor)}
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  stream_idle_timeout = "4h0m0s"
  max_container_log_line_size = 16384

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = {_text(place.cni_plugins)}
  conf_dir = {_text(place.cni_config)}
  max_conf_num = 1

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = {_text(snapshotter)}
  default_runtime_name = "runc"
  discard_unpacked_layers = false

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = {_flag(systemd_cgroup)}

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = {_text(registries or "")}
"""


def _text(value: object) -> str:
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _flag(value: bool) -> str:
    return "true" if value else "false"
