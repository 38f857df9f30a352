"""The baseline level: no known way to the host (Kubernetes' documentation, "Pod Security Standards")."""

from __future__ import annotations

from collections.abc import Callable

from master.api.admission.pod_security.problems import Object, Problem, Subject, at, counted, named, quoted, security

CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
SYSCTLS = frozenset(
    {
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
)
SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")


def app_armor(subject: Subject) -> Problem | None:
    bad = _holders(subject, lambda context: at(context, "appArmorProfile", "type") == "Unconfined")
    said = [f'{bad} must not set AppArmor profile type to "Unconfined"'] if bad else []
    annotations = subject.metadata.get("annotations") or {}
    for key, value in sorted(annotations.items()):
        if key.startswith(APPARMOR) and value not in ("", "runtime/default") and not value.startswith("localhost/"):
            said.append(f'annotation "{key}"="{value}"')
    plural = "s" if len(said) > 1 else ""
    return Problem(f"forbidden AppArmor profile{plural}", ", ".join(said)) if said else None


def capabilities(subject: Subject) -> Problem | None:
    def added(container: Object) -> set[str]:
        return {*(at(security(container), "capabilities", "add") or ())} - CAPABILITIES

    names = named(subject, lambda container: bool(added(container)))
    if not names:
        return None
    every = sorted({one for container in subject.containers for one in added(container)})
    words = f"{counted('container', names)} must not include {quoted(every)} in securityContext.capabilities.add"
    return Problem("non-default capabilities", words)


def host_namespaces(subject: Subject) -> Problem | None:
    found = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if subject.spec.get(field)]
    return Problem("host namespaces", ", ".join(found)) if found else None


def host_path_volumes(subject: Subject) -> Problem | None:
    names = [volume["name"] for volume in subject.spec.get("volumes") or () if "hostPath" in volume]
    return Problem("hostPath volumes", counted("volume", names)) if names else None


def host_ports(subject: Subject) -> Problem | None:
    def ports(container: Object) -> list[int]:
        return [port["hostPort"] for port in container.get("ports") or () if port.get("hostPort")]

    names = named(subject, lambda container: bool(ports(container)))
    if not names:
        return None
    every = sorted({port for container in subject.containers for port in ports(container)})
    verb, noun = "use" if len(names) > 1 else "uses", "hostPorts" if len(every) > 1 else "hostPort"
    return Problem("hostPort", f"{counted('container', names)} {verb} {noun} {', '.join(map(str, every))}")


def host_probes(subject: Subject) -> Problem | None:
    def hosts(container: Object) -> list[str]:
        handlers = [container.get(name) or {} for name in HANDLERS]
        handlers += list((container.get("lifecycle") or {}).values())
        actions = [handler.get(kind) or {} for handler in handlers for kind in ("httpGet", "tcpSocket")]
        return [action["host"] for action in actions if action.get("host")]

    names = named(subject, lambda container: bool(hosts(container)))
    if not names:
        return None
    every = sorted({host for container in subject.containers for host in hosts(container)})
    verb = "use" if len(names) > 1 else "uses"
    return Problem(
        "probe or lifecycle host", f"{counted('container', names)} {verb} probe or lifecycle host {quoted(every)}"
    )


def privileged(subject: Subject) -> Problem | None:
    names = named(subject, lambda container: security(container).get("privileged") is True)
    words = "must not set securityContext.privileged=true"
    return Problem("privileged", f"{counted('container', names)} {words}") if names else None


def proc_mount(subject: Subject) -> Problem | None:
    names = named(subject, lambda container: security(container).get("procMount") not in (None, "", "Default"))
    if not names:
        return None
    mounts = {security(container).get("procMount") for container in subject.containers} - {None, "", "Default"}
    words = (
        f"{counted('container', names)} must not set securityContext.procMount to {quoted(sorted(map(str, mounts)))}"
    )
    return Problem("procMount", words)


def selinux_options(subject: Subject) -> Problem | None:
    holders = [security(subject.spec), *map(security, subject.containers)]
    options = [context.get("seLinuxOptions") or {} for context in holders]
    types = sorted({str(each["type"]) for each in options if each.get("type", "") not in SELINUX_TYPES})
    said = [f"type{'s' if len(types) > 1 else ''} {quoted(types)}"] if types else []
    said += [f"{field} may not be set" for field in ("user", "role") if any(each.get(field) for each in options)]
    if not said:
        return None

    def is_bad(context: Object) -> bool:
        each = context.get("seLinuxOptions") or {}
        return bool(each.get("type", "") not in SELINUX_TYPES or each.get("user") or each.get("role"))

    bad = _holders(subject, is_bad)
    return Problem("seLinuxOptions", f"{bad} set forbidden securityContext.seLinuxOptions: {'; '.join(said)}")


def seccomp(subject: Subject) -> Problem | None:
    bad = _holders(subject, lambda context: at(context, "seccompProfile", "type") == "Unconfined")
    words = 'must not set securityContext.seccompProfile.type to "Unconfined"'
    return Problem("seccompProfile", f"{bad} {words}") if bad else None


def sysctls(subject: Subject) -> Problem | None:
    names = [each["name"] for each in security(subject.spec).get("sysctls") or () if each["name"] not in SYSCTLS]
    return Problem("forbidden sysctls", ", ".join(names)) if names else None


def windows_host_process(subject: Subject) -> Problem | None:
    bad = _holders(subject, lambda context: at(context, "windowsOptions", "hostProcess") is True)
    words = "must not set securityContext.windowsOptions.hostProcess=true"
    return Problem("hostProcess", f"{bad} {words}") if bad else None


def _holders(subject: Subject, is_bad: Callable[[Object], bool]) -> str:
    """`pod`, `container "a"`, `pod and containers "a", "b"`: whose security context is bad; empty when none is."""
    names = named(subject, lambda container: is_bad(security(container)))
    parts = ["pod"] if is_bad(security(subject.spec)) else []
    return " and ".join([*parts, *([counted("container", names)] if names else [])])
