"""All checks of a machine, by name, causes before what they cause."""

from __future__ import annotations

from probes.checking import Check
from probes.checks import board, cluster, firewall, network, runtime, services, storage, system, wire

RUN = ("services", "containerd", "cni", "dns", "node", "pods", "pause-image", "image-platform", "trust", "identity")
DISK = ("containerd-metadata", "containerd-settings", "disk-speed", "packages", *RUN)
WAY = ("api", "trust", "identity", "node", "pods", "peers", "multicast")

CHECKS: dict[str, Check] = {
    "power": Check("board", board.power, ("temperature", "card", "read-only", "disk-speed")),
    "card": Check("board", storage.card, ("read-only", "disk-speed", "containerd-metadata")),
    "read-only": Check("board", storage.read_only, ("disk", "inodes", "dns-loop", *DISK)),
    "disk": Check("system", storage.disk, ("inodes", *DISK)),
    "inodes": Check("system", storage.inodes, DISK),
    "disk-speed": Check("board", storage.disk_speed),
    "temperature": Check("board", board.temperature),
    "memory": Check("board", board.memory, ("services", "containerd", "pods", "node", "dns")),
    "clock": Check("board", board.clock, ("certificates", *WAY)),
    "memory-cgroup": Check("board", board.memory_cgroup, ("services", "pods", "node")),
    "joined": Check(
        "system",
        system.node,
        (
            "services",
            "containerd",
            "containerd-settings",
            "containerd-metadata",
            "cni",
            "pause-image",
            "image-platform",
        ),
    ),
    "packages": Check("system", system.packages, ("firewall", "iptables-backends", *RUN)),
    "modules": Check("system", system.modules, ("forwarding", "containerd", "pods")),
    "machine-id": Check("system", system.machine_id, ("identity",)),
    "inotify": Check("system", system.inotify, ("sysctls", "services", "pods")),
    "files": Check("system", system.files, ("sysctls", "services", "pods")),
    "conntrack": Check("system", system.conntrack, ("sysctls", *WAY)),
    "sysctls": Check("system", system.sysctls, ("services",)),
    "interfaces": Check("network", network.interfaces, ("mtu", "dns-loop", *WAY)),
    "ranges": Check("network", network.ranges, WAY),
    "duplicate-address": Check("network", network.duplicate_address, WAY),
    "firewall": Check("network", firewall.firewall, ("iptables-backends", "mtu", "dns", *WAY)),
    "iptables-backends": Check("network", firewall.backends, ("dns",)),
    "forwarding": Check("network", system.forwarding, ("peers",)),
    "mtu": Check("network", wire.mtu, ("peers",)),
    "certificates": Check("cluster", cluster.certificate, WAY),
    "trust": Check("cluster", cluster.trust, ("api", "node", "identity", "pods")),
    "api": Check("cluster", cluster.api, ("trust", "node", "identity", "pods")),
    "identity": Check("cluster", cluster.identity),
    "containerd-metadata": Check("runtime", runtime.metadata, ("containerd", *RUN)),
    "containerd-settings": Check("runtime", runtime.configuration, ("containerd", *RUN)),
    "containerd": Check("runtime", runtime.containerd, RUN),
    "services": Check("system", services.running, ("cni", "dns", "node", "pods", "multicast")),
    "cni": Check("network", network.cni, ("node", "pods")),
    "dns-loop": Check("network", network.dns_loop),
    "vxlan-offload": Check("network", wire.offload, ("dns",)),
    "dns": Check("network", network.dns),
    "peers": Check("network", wire.peers),
    "multicast": Check("network", wire.multicast),
    "pause-image": Check("runtime", runtime.pause_image, ("pods", "node")),
    "image-platform": Check("runtime", runtime.image_platform, ("pods",)),
    "node": Check("cluster", cluster.node),
    "pods": Check("cluster", cluster.pods),
}
