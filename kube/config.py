"""The two settings files: /etc/wherry/master.toml and /etc/wherry/agent.toml, every key with its default and comment."""

# ruff: noqa: RUF009 (setting and section are dataclasses.field with a comment)
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kube import pools, settings
from kube.settings import (
    SettingsError,
    address,
    addresses,
    between,
    endpoints,
    network,
    one_of,
    port_range,
    section,
    setting,
)

__all__ = ["AgentConfig", "MasterConfig", "SettingsError", "read_agent", "read_master", "write"]

PORT = between(1, 65535)


@dataclass(frozen=True, slots=True)
class ApiSection:
    bind: str = setting("0.0.0.0", "address to listen on", address)
    port: int = setting(6443, "HTTPS port of the API", PORT)
    advertise: tuple[str, ...] = setting(
        (), "addresses that nodes reach this master by; empty: found by itself", addresses
    )
    names: tuple[str, ...] = setting((), "further names and addresses for the serving certificate")
    token_file: str = setting("", "CSV file of static tokens (token,user,uid,groups); empty: none")


@dataclass(frozen=True, slots=True)
class AuditSection:
    path: str = setting("", "file for a JSON line about every request; empty: none is written")
    policy: str = setting("", "file with an audit.k8s.io/v1 Policy; empty: the metadata of every request")
    max_megabytes: int = setting(100, "a file that has grown to this is put aside", between(1, 1 << 20))
    kept: int = setting(5, "files put aside that are kept", between(0, 1000))


@dataclass(frozen=True, slots=True)
class StoreSection:
    kind: str = setting("sqlite", "sqlite, etcd, or memory (lost at the end)", one_of("sqlite", "etcd", "memory"))
    path: str = setting("", "sqlite's database file; empty: store.db in the state folder")
    snapshot_minutes: int = setting(
        60, "so often sqlite's whole state is put beside it, for when the file is destroyed", between(1, 10080)
    )
    endpoints: tuple[str, ...] = setting(
        (), "etcd's members, the nearest first; empty: the one on this machine", endpoints
    )
    ca: str = setting("", "etcd's authority; empty: etcd/ca.crt of the cluster's keys")
    certificate: str = setting("", "what the master shows etcd; empty: apiserver-etcd-client.crt of the cluster's keys")
    key: str = setting("", "its key; empty: apiserver-etcd-client.key of the cluster's keys")


@dataclass(frozen=True, slots=True)
class EtcdSection:
    enabled: bool = setting(True, "serve etcd's v3 API over a store that is not etcd itself")
    bind: str = setting("127.0.0.1", "address to listen on", address)
    port: int = setting(2379, "port for clients, with mutual TLS", PORT)
    member: str = setting(
        "", "name of the etcd member that is kept beside this master, for [store] kind etcd; empty: none"
    )
    peer_port: int = setting(2380, "port for the other members, with mutual TLS", PORT)
    advertise: str = setting("", "address that the other members reach this one by; empty: it is the only one")
    joined: tuple[str, ...] = setting((), "NAME=URL of each member when this one was added; empty: it was the first")
    v2: bool = setting(False, "let the member answer etcd's v2 API too, which etcd 3.6 has no more")


@dataclass(frozen=True, slots=True)
class ClusterSection:
    name: str = setting("wherry", "shown in kubeconfigs and announcements")
    pod_cidr: str = setting("10.42.0.0/16", "addresses of pods; every node gets a part", network)
    node_prefix: int = setting(24, "prefix length of a node's part of pod_cidr", between(8, 30))
    service_cidr: str = setting("10.43.0.0/16", "addresses of Services; its first is the API's", network)
    dns: str = setting("10.43.0.10", "address of the cluster's DNS Service", address)
    domain: str = setting("cluster.local", "DNS domain of the cluster")
    node_ports: str = setting("30000-32767", "ports of NodePort Services", port_range)


@dataclass(frozen=True, slots=True)
class ControllersSection:
    node_grace_seconds: int = setting(40, "a node that is silent for so long is not Ready", between(1, 86400))
    eviction_seconds: int = setting(
        300, "pods leave a node that is lost for so long, unless they say otherwise", between(0, 86400)
    )
    balancer_addresses: tuple[str, ...] = setting(
        (),
        'LAN addresses for LoadBalancer Services, such as "192.0.2.10-192.0.2.20"; empty: they get none',
        pools.wrong,
    )


@dataclass(frozen=True, slots=True)
class MasterConfig:
    api: ApiSection = section(ApiSection)
    audit: AuditSection = section(AuditSection)
    store: StoreSection = section(StoreSection)
    etcd: EtcdSection = section(EtcdSection)
    cluster: ClusterSection = section(ClusterSection)
    controllers: ControllersSection = section(ControllersSection)


@dataclass(frozen=True, slots=True)
class NodeSection:
    name: str = setting("", "the node's name; empty: the host's")
    address: str = setting("", "address that other nodes reach this one by; empty: found by itself")
    labels: dict[str, str] = setting({}, "labels the node registers with")
    taints: tuple[str, ...] = setting((), 'taints the node registers with, such as "key=value:NoSchedule"')
    max_pods: int = setting(110, "pods that fit on the node", between(1, 1000))
    log_megabytes: int = setting(10, "a container's log that has grown to this is put aside", between(1, 1 << 20))
    log_files: int = setting(5, "files of a container's log that are kept, with the one being written", between(2, 100))
    reserved: dict[str, str] = setting(
        {}, 'kept from pods for the system, such as {cpu = "200m", memory = "200Mi", ephemeral-storage = "1Gi"}'
    )


@dataclass(frozen=True, slots=True)
class EvictionSection:
    hard: dict[str, str] = setting(
        {"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%"},
        "below this a pod is ended at once; signals are memory, nodefs and imagefs.available, .inodesFree, pid.available",
    )
    soft: dict[str, str] = setting({}, "below this for its soft_grace a pod is ended with its own grace")
    soft_grace: dict[str, str] = setting({}, 'for each signal of soft, such as {"memory.available" = "1m30s"}')
    pod_grace_seconds: int = setting(30, "the longest grace of a pod that a soft threshold ends", between(0, 86400))
    transition_seconds: int = setting(300, "a pressure is told for so long after its last cause", between(0, 86400))


@dataclass(frozen=True, slots=True)
class ImagesSection:
    high_percent: int = setting(
        85, "above it images that nothing runs from leave the disk, if their registry still has them", between(1, 100)
    )
    low_percent: int = setting(80, "down to this much of the disk", between(0, 100))
    age_seconds: int = setting(120, "an image that came within this time stays", between(0, 86400 * 365))


@dataclass(frozen=True, slots=True)
class MasterSection:
    servers: tuple[str, ...] = setting((), "URLs of the API, such as https://192.0.2.1:6443")
    ca: str = setting("", "the cluster's authority; empty: ca.crt beside this file")
    certificate: str = setting("", "the node's certificate; empty: node.crt beside this file")
    key: str = setting("", "the node's key; empty: node.key beside this file")


@dataclass(frozen=True, slots=True)
class ServerSection:
    bind: str = setting("0.0.0.0", "address to listen on", address)
    port: int = setting(10250, "HTTPS port for logs and exec", PORT)
    health_port: int = setting(10256, "port that says whether the proxy works, in clear", PORT)


@dataclass(frozen=True, slots=True)
class RuntimeSection:
    endpoint: str = setting("/run/containerd/containerd.sock", "containerd's socket")
    pause_image: str = setting("wherry.local/pause:1", "image of a pod's sandbox")
    cgroup: str = setting("/", "cgroup that all pods lie in")


@dataclass(frozen=True, slots=True)
class AgentConfig:
    node: NodeSection = section(NodeSection)
    master: MasterSection = section(MasterSection)
    eviction: EvictionSection = section(EvictionSection)
    images: ImagesSection = section(ImagesSection)
    server: ServerSection = section(ServerSection)
    runtime: RuntimeSection = section(RuntimeSection)
    cluster: ClusterSection = section(ClusterSection)


def read_master(path: Path) -> MasterConfig:
    """SettingsError: one sentence that names the file, the key and the fix."""
    config = settings.load(MasterConfig, path)
    _refuse_overlap(config.cluster, path)
    return config


def read_agent(path: Path) -> AgentConfig:
    config = settings.load(AgentConfig, path)
    _refuse_overlap(config.cluster, path)
    return config


def write(config: MasterConfig | AgentConfig, path: Path) -> None:
    """A new file gets every key with its comment; in a present one only what differs is changed."""
    settings.save(config, path)


def _refuse_overlap(cluster: ClusterSection, path: Path) -> None:
    import ipaddress

    pods, services = ipaddress.ip_network(cluster.pod_cidr), ipaddress.ip_network(cluster.service_cidr)
    if pods.overlaps(services):
        raise SettingsError(
            f"{path}: cluster.service_cidr: {services} overlaps cluster.pod_cidr {pods}; choose another"
        )
    if ipaddress.ip_address(cluster.dns) not in services:
        raise SettingsError(f"{path}: cluster.dns: {cluster.dns} must lie in cluster.service_cidr {services}")
    if not pods.prefixlen < cluster.node_prefix:
        raise SettingsError(f"{path}: cluster.node_prefix: /{cluster.node_prefix} must be smaller than {pods}")
