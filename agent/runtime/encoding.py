"""Words into CRI's messages."""

from __future__ import annotations

from agent.runtime.proto import cri_pb2 as cri
from agent.runtime.words import (
    ContainerConfig,
    Dns,
    Login,
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

NAMESPACES = {
    Namespace.POD: cri.POD,
    Namespace.CONTAINER: cri.CONTAINER,
    Namespace.NODE: cri.NODE,
    Namespace.TARGET: cri.TARGET,
}
PROPAGATIONS = {
    Propagation.PRIVATE: cri.PROPAGATION_PRIVATE,
    Propagation.HOST_TO_CONTAINER: cri.PROPAGATION_HOST_TO_CONTAINER,
    Propagation.BIDIRECTIONAL: cri.PROPAGATION_BIDIRECTIONAL,
}
PROTOCOLS = {"TCP": cri.TCP, "UDP": cri.UDP, "SCTP": cri.SCTP}
PROFILES = {
    "RuntimeDefault": cri.SecurityProfile.RuntimeDefault,
    "Unconfined": cri.SecurityProfile.Unconfined,
    "Localhost": cri.SecurityProfile.Localhost,
}


def sandbox_config(config: SandboxConfig) -> cri.PodSandboxConfig:
    return cri.PodSandboxConfig(
        metadata=cri.PodSandboxMetadata(
            name=config.name, uid=config.uid, namespace=config.namespace, attempt=config.attempt
        ),
        hostname=config.hostname,
        log_directory=config.log_directory,
        dns_config=_dns(config.dns) if config.dns else None,
        port_mappings=[_port(port) for port in config.ports],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        linux=cri.LinuxPodSandboxConfig(
            cgroup_parent=config.cgroup_parent,
            sysctls=dict(config.sysctls),
            security_context=cri.LinuxSandboxSecurityContext(
                namespace_options=_namespaces(config.namespaces),
                privileged=config.privileged,
                seccomp=_profile(config.seccomp),
            ),
        ),
    )


def container_config(config: ContainerConfig) -> cri.ContainerConfig:
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=cri.ImageSpec(image=config.image),
        command=config.command,
        args=config.args,
        working_dir=config.working_dir,
        envs=[cri.KeyValue(key=key, value=value) for key, value in config.env],
        mounts=[_mount(mount) for mount in config.mounts],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        linux=cri.LinuxContainerConfig(
            resources=resources(config.resources), security_context=_security(config.security)
        ),
    )


def resources(given: Resources) -> cri.LinuxContainerResources:
    return cri.LinuxContainerResources(
        cpu_period=given.cpu_period,
        cpu_quota=given.cpu_quota,
        cpu_shares=given.cpu_shares,
        memory_limit_in_bytes=given.memory_limit,
        oom_score_adj=given.oom_score_adj,
        hugepage_limits=[cri.HugepageLimit(page_size=size, limit=limit) for size, limit in given.hugepages.items()],
        unified=dict(given.unified),
    )


def login(given: Login | None) -> cri.AuthConfig | None:
    if given is None:
        return None
    return cri.AuthConfig(
        username=given.username,
        password=given.password,
        auth=given.auth,
        server_address=given.server,
        identity_token=given.identity_token,
    )


def _security(given: Security) -> cri.LinuxContainerSecurityContext:
    return cri.LinuxContainerSecurityContext(
        capabilities=cri.Capability(add_capabilities=given.add_capabilities, drop_capabilities=given.drop_capabilities),
        privileged=given.privileged,
        namespace_options=_namespaces(given.namespaces),
        run_as_user=_number(given.user) if isinstance(given.user, int) else None,
        run_as_username=given.user if isinstance(given.user, str) else "",
        run_as_group=_number(given.group),
        supplemental_groups=given.supplemental_groups,
        readonly_rootfs=given.readonly_rootfs,
        no_new_privs=given.no_new_privileges,
        masked_paths=given.masked_paths,
        readonly_paths=given.readonly_paths,
        seccomp=_profile(given.seccomp),
        apparmor=_profile(given.apparmor),
    )


def _namespaces(given: Namespaces) -> cri.NamespaceOption:
    return cri.NamespaceOption(
        network=NAMESPACES[given.network],
        pid=NAMESPACES[given.pid],
        ipc=NAMESPACES[given.ipc],
        target_id=given.target_id,
    )


def _profile(given: Profile | None) -> cri.SecurityProfile | None:
    return cri.SecurityProfile(profile_type=PROFILES[given.kind], localhost_ref=given.file) if given else None


def _number(value: int | None) -> cri.Int64Value | None:
    return None if value is None else cri.Int64Value(value=value)


def _dns(given: Dns) -> cri.DNSConfig:
    return cri.DNSConfig(servers=given.servers, searches=given.searches, options=given.options)


def _port(port: PortMapping) -> cri.PortMapping:
    return cri.PortMapping(
        protocol=PROTOCOLS[port.protocol],
        container_port=port.container_port,
        host_port=port.host_port,
        host_ip=port.host_ip,
    )


def _mount(mount: Mount) -> cri.Mount:
    return cri.Mount(
        container_path=mount.container_path,
        host_path=mount.host_path,
        readonly=mount.readonly,
        propagation=PROPAGATIONS[mount.propagation],
    )
