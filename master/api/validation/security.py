"""Security contexts of pods and containers."""

from __future__ import annotations

import re

from master.api.validation.problems import Path, Problems
from master.api.validation.rules import Object, between, each, pointer, pointer_of, present, required

_id = between(0, 2147483647)
SECCOMP = ("Localhost", "RuntimeDefault", "Unconfined")
APPARMOR = ("Localhost", "RuntimeDefault", "Unconfined")
PROC_MOUNTS = ("Default", "Unmasked")
_SYSCTL = re.compile(r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?")
_BAD_SYSCTL = (
    "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*"
    "[a-z0-9]([-_a-z0-9]*[a-z0-9])?$",
)


def _profile(obj: Object, at: Path, out: Problems, supported: tuple[str, ...], detail: str) -> None:
    """A seccomp or AppArmor profile: Localhost, and only it, names a file."""
    chosen, file = obj.get("type") or "", obj.get("localhostProfile")
    if not chosen:
        out.required(at / "type", detail)
    elif chosen not in supported:
        out.unsupported(at / "type", chosen, supported)
    if chosen == "Localhost":
        if file is None:
            out.required(at / "localhostProfile", "must be set when type is Localhost")
    elif file is not None:
        out.invalid(at / "localhostProfile", file, "can only be set when type is Localhost")


def seccomp(obj: Object, at: Path, out: Problems) -> None:
    _profile(obj, at, out, SECCOMP, "type is required when seccompProfile is set")


def apparmor(obj: Object, at: Path, out: Problems) -> None:
    _profile(obj, at, out, APPARMOR, "type is required when appArmorProfile is set")


def _escalation(obj: Object, at: Path, out: Problems) -> None:
    if obj.get("allowPrivilegeEscalation") is not False:
        return
    here = at / "allowPrivilegeEscalation"
    if obj.get("privileged"):
        out.invalid(here, False, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
    if "CAP_SYS_ADMIN" in ((obj.get("capabilities") or {}).get("add") or ()):
        out.invalid(here, False, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN")


CONTAINER_SECURITY = (
    pointer("runAsUser", _id),
    pointer("runAsGroup", _id),
    pointer_of("procMount", PROC_MOUNTS),
    _escalation,
    present("seccompProfile", seccomp),
    present("appArmorProfile", apparmor),
)


def _sysctl_name(name: str) -> tuple[str, ...]:
    return () if len(name) <= 253 and _SYSCTL.fullmatch(name) else _BAD_SYSCTL


def _unique_sysctls(obj: Object, at: Path, out: Problems) -> None:
    seen: set[str] = set()
    for index, sysctl in enumerate(obj.get("sysctls") or ()):
        name = (sysctl.get("name") or "").replace("/", ".")
        if name and name in seen:
            out.duplicate(at / "sysctls" / index / "name", sysctl["name"])
        seen.add(name)


def _groups(obj: Object, at: Path, out: Problems) -> None:
    for index, group in enumerate(obj.get("supplementalGroups") or ()):
        for detail in _id(group):
            out.invalid(at / "supplementalGroups" / index, group, detail)


POD_SECURITY = (
    pointer("fsGroup", _id),
    pointer("runAsUser", _id),
    pointer("runAsGroup", _id),
    _groups,
    each("sysctls", required("name", _sysctl_name)),
    _unique_sysctls,
    pointer_of("fsGroupChangePolicy", ("Always", "OnRootMismatch")),
    pointer_of("supplementalGroupsPolicy", ("Merge", "Strict")),
    pointer_of("seLinuxChangePolicy", ("MountOption", "Recursive")),
    present("seccompProfile", seccomp),
    present("appArmorProfile", apparmor),
)


def shared_namespaces(spec: Object, at: Path, out: Problems) -> None:
    if spec.get("hostPID") and spec.get("shareProcessNamespace"):
        out.invalid(at / "shareProcessNamespace", True, "ShareProcessNamespace and HostPID cannot both be enabled")
    if spec.get("hostUsers") is not False:
        return
    for name, field in (("HostNetwork", "hostNetwork"), ("HostPID", "hostPID"), ("HostIPC", "hostIPC")):
        if spec.get(field):
            out.forbidden(at / field, f"when `hostUsers` is false, {name} must be false")
