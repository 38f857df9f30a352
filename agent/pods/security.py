"""securityContext, of the pod and of a container, into the runtime's words; what cannot be honoured is refused by name.

A container's own field goes before the pod's.  Paths that are masked are runc's usual ones, unless procMount asks not to.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.runtime.words import Image, Namespace, Namespaces, Profile, Security

MASKED = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
SAFE_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
UNSUPPORTED = "UnsupportedPodSpec"
APPARMOR = Path("/sys/module/apparmor/parameters/enabled")


class Refused(Exception):
    """The spec asks for something this node does not do; says what, and the reason the pod's status gives."""

    def __init__(self, said: str, reason: str = UNSUPPORTED) -> None:
        super().__init__(said)
        self.reason = reason


def namespaces(pod: Mapping[str, Any], target_id: str = "") -> Namespaces:
    spec = pod["spec"]
    pid = Namespace.NODE if spec.get("hostPID") else Namespace.CONTAINER
    if spec.get("shareProcessNamespace"):
        pid = Namespace.POD
    if target_id:
        pid = Namespace.TARGET
    return Namespaces(
        network=Namespace.NODE if spec.get("hostNetwork") else Namespace.POD,
        pid=pid,
        ipc=Namespace.NODE if spec.get("hostIPC") else Namespace.POD,
        target_id=target_id,
    )


def container_security(
    pod: Mapping[str, Any], container: Mapping[str, Any], image: Image | None, target_id: str = "", profiles: str = ""
) -> Security:
    """Refused when the image would run as root against the spec's word, or the spec asks for what is not done.

    `profiles` is the folder of the node's seccomp profiles.
    """
    outer, own = pod["spec"].get("securityContext") or {}, container.get("securityContext") or {}
    both = {**outer, **own}
    privileged = bool(own.get("privileged"))
    user = both.get("runAsUser")
    if both.get("runAsNonRoot"):
        _require_non_root(pod, container["name"], user, image)
    capabilities = own.get("capabilities") or {}
    unmasked = own.get("procMount") == "Unmasked" or privileged
    return Security(
        user=user if user is not None else image_user(image),
        group=both.get("runAsGroup"),
        supplemental_groups=_groups(outer),
        add_capabilities=tuple(name.removeprefix("CAP_") for name in capabilities.get("add") or ()),
        drop_capabilities=tuple(name.removeprefix("CAP_") for name in capabilities.get("drop") or ()),
        privileged=privileged,
        readonly_rootfs=bool(own.get("readOnlyRootFilesystem")),
        no_new_privileges=own.get("allowPrivilegeEscalation") is False and not privileged,
        masked_paths=() if unmasked else MASKED,
        readonly_paths=() if unmasked else READONLY,
        seccomp=None if privileged else _seccomp(both.get("seccompProfile"), profiles),
        apparmor=None if privileged else _apparmor(both.get("appArmorProfile")),
        namespaces=namespaces(pod, target_id),
    )


def common_user(pod: Mapping[str, Any]) -> int | None:
    """The user that every container of the pod is told to run as; None where they differ or one is not told."""
    spec = pod["spec"]
    outer = (spec.get("securityContext") or {}).get("runAsUser")
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    users = {(container.get("securityContext") or {}).get("runAsUser", outer) for container in containers}
    return users.pop() if len(users) == 1 else None


def check_pod(
    pod: Mapping[str, Any], unsafe_sysctls: frozenset[str] = frozenset(), apparmor: bool | None = None
) -> None:
    """Refused for what no container of the pod could be given here; `apparmor`: whether the node has it (None: look)."""
    spec = pod["spec"]
    outer = spec.get("securityContext") or {}
    containers = [*spec["containers"], *(spec.get("initContainers") or ())]
    if spec.get("resourceClaims"):
        raise Refused("spec.resourceClaims: this node prepares no devices for claims")
    if any(container.get("volumeDevices") for container in containers):
        raise Refused("volumeDevices: this node gives containers no block devices")
    if any(mount.get("recursiveReadOnly") == "Enabled" for c in containers for mount in c.get("volumeMounts") or ()):
        raise Refused("volumeMounts.recursiveReadOnly: Enabled needs containerd 2.0 or later")
    if any(_restarts_all(container) for container in containers):
        raise Refused("restartPolicyRules: the action RestartAllContainers is not done by this node")
    if spec.get("hostUsers") is False:
        raise Refused("spec.hostUsers: user namespaces need containerd 2.0 or later")
    if outer.get("supplementalGroupsPolicy") == "Strict":
        raise Refused("spec.securityContext.supplementalGroupsPolicy: Strict needs containerd 2.0 or later")
    contexts = (outer, *((container.get("securityContext") or {}) for container in containers))
    if any(context.get("seLinuxOptions") for context in contexts):
        raise Refused("seLinuxOptions: SELinux is not on this node")
    confined = any((c.get("appArmorProfile") or {}).get("type", "Unconfined") != "Unconfined" for c in contexts)
    if confined and not (_has_apparmor() if apparmor is None else apparmor):
        raise Refused("Cannot enforce AppArmor: AppArmor is not enabled on the host", "AppArmor")
    for sysctl in outer.get("sysctls") or ():
        if sysctl_name(sysctl["name"]) not in SAFE_SYSCTLS | unsafe_sysctls:
            raise Refused(f'forbidden sysctl: "{sysctl["name"]}" not allowlisted', "SysctlForbidden")


def sysctl_name(given: str) -> str:
    """With dots between its parts: it may be written with slashes, and then a dot belongs to a part (sysctl.d(5))."""
    separator = next((char for char in given if char in "./"), ".")
    return given if separator == "." else given.translate(str.maketrans("./", "/."))


def _has_apparmor() -> bool:
    return APPARMOR.exists() and APPARMOR.read_text().startswith("Y")


def _restarts_all(container: Mapping[str, Any]) -> bool:
    return any(rule.get("action") == "RestartAllContainers" for rule in container.get("restartPolicyRules") or ())


def _require_non_root(pod: Mapping[str, Any], name: str, user: int | None, image: Image | None) -> None:
    meta = pod["metadata"]
    where = f'(pod: "{meta["name"]}_{meta["namespace"]}({meta["uid"]})", container: {name})'
    if user == 0:
        raise Refused(f"container's runAsUser breaks non-root policy {where}")
    if user is not None:
        return
    told = image.user if image else None
    if isinstance(told, str):
        said = f"image has non-numeric user ({told}), cannot verify user is non-root"
        raise Refused(f"container has runAsNonRoot and {said} {where}")
    if not told:
        raise Refused(f"container has runAsNonRoot and image will run as root {where}")


def image_user(image: Image | None) -> int | str | None:
    """Whom the image runs as; one that names nobody runs as root."""
    return (image.user if image.user is not None else 0) if image else None


def _groups(outer: Mapping[str, Any]) -> tuple[int, ...]:
    extra = (outer["fsGroup"],) if outer.get("fsGroup") is not None else ()
    return (*(outer.get("supplementalGroups") or ()), *extra)


def _seccomp(profile: Mapping[str, Any] | None, folder: str) -> Profile:
    if not profile:
        return Profile("Unconfined")
    file = profile.get("localhostProfile") or ""
    return Profile(profile["type"], f"{folder}/{file}" if file else "")


def _apparmor(profile: Mapping[str, Any] | None) -> Profile | None:
    """None leaves it to the runtime, which confines where the node has AppArmor."""
    return Profile(profile["type"], profile.get("localhostProfile") or "") if profile else None
