"""A machine of pasted files, commands' outputs and answers of the network; what is not pasted is missing there."""

import functools
import json
import struct
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from kube import certificates
from probes import bolt
from probes.checks import network, runtime, services, storage, system
from probes.looking import Answer, CouldNotLook, Reply

NOW = datetime(2026, 11, 24, tzinfo=UTC)
API = "https://10.0.0.1:6443"
SOCKET = "/run/wherry/containerd/containerd.sock"
CTR = ("ctr", "--address", SOCKET, "--connect-timeout", "2s", "--timeout", "2s")
IMAGES = (*CTR, "--namespace", "k8s.io", "images", "list")
STATUS = ("wherry-supervise", "status")
OWN_ROUTE = ("ip", "-j", "-4", "route", "get", "10.0.0.1")
MACHINE_ID = "0123456789abcdef0123456789abcdef"


class Machine:
    """Files and outputs by their names; `peers` answers pings of up to that many bytes, TCP with these words."""

    root = Path("/")

    def __init__(self, files, commands, answers):
        self.files, self.commands, self.answers = files, commands, answers
        self.time, self.write_seconds, self.more_inotify = NOW.timestamp(), 0.004, True
        self.pings, self.ports, self.others = {"10.0.0.1": 1500, "10.0.0.12": 1500, "10.42.2.1": 1500}, {}, []
        self.replies = {"10.43.0.10": [Reply("10.43.0.10", b"we\x81\x80\0\x01\0\x01" + b"\0" * 4)]}
        self.replies[network.MDNS] = [Reply("10.0.0.12", b"x")]
        self.replies["10.0.0.12"] = [Reply("10.0.0.12", b"x")]

    def read(self, path):
        if path not in self.files:
            raise CouldNotLook(f"{path}: No such file or directory")
        return self.files[path]

    def head(self, path, size):
        data = self.read(path).encode("latin-1")
        return data[:size], len(data)

    def names(self, path):
        found = sorted({f.removeprefix(path + "/").split("/")[0] for f in self.files if f.startswith(path + "/")})
        if not found:
            raise CouldNotLook(f"{path}: No such file or directory")
        return found

    def link(self, path):
        return self.read(path)

    def run(self, argv, seconds=3.0):
        if tuple(argv) not in self.commands:
            raise CouldNotLook(f"{argv[0]} is not installed")
        said = self.commands[tuple(argv)]
        if isinstance(said, CouldNotLook):
            raise said
        return said

    def fsync(self, path):
        return self.write_seconds

    def inotify(self):
        return self.more_inotify

    def now(self):
        return self.time

    def fetch(self, url, *, timeless=False, proven=False, seconds=3.0):
        answer = self.answers.get(url, "Connection refused")
        if isinstance(answer, str):
            raise CouldNotLook(answer)
        return answer

    def connect(self, address, port, seconds=1.0):
        return self.ports.get((address, port), "")

    def exchange(self, address, port, datagram, seconds=1.0, most=1):
        return self.replies.get(address, [])

    def echo(self, address, size, seconds=0.7):
        return size <= self.pings.get(address, 0)

    def claims(self, interface, address, seconds=0.5):
        return self.others


@functools.cache
def certificate(days=365):
    """The PEM of a leaf that ends so many days after NOW."""
    return certificates.issue(
        _authority(), certificates.Subject("system:node:pi1"), NOW, server=True, client=True, days=days
    ).certificate.decode()


@functools.cache
def _authority():
    return certificates.make_ca("wherry", NOW)


def api_node(name, address, machine_id, ready="True"):
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": ready, "message": "the agent has stopped posting"}],
            "nodeInfo": {"machineID": machine_id},
        },
    }


def listed(*items):
    return Answer(200, json.dumps({"items": list(items)}), 0.01)


def interface(name, address, mtu=1500, flags=("BROADCAST", "MULTICAST", "UP")):
    host, _, length = address.partition("/")
    info = [{"family": "inet", "local": host, "prefixlen": int(length)}] if address else []
    return {"ifname": name, "flags": list(flags), "mtu": mtu, "addr_info": info}


LINKS = [
    interface("lo", "127.0.0.1/8", 65536, ("LOOPBACK", "UP")),
    interface("eth0", "10.0.0.11/24"),
    interface("cni0", "10.42.1.1/24"),
]
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/mmcblk0p2 30000000 1 20000000 30% /\n"
IMAGE_TABLE = (
    "REF TYPE DIGEST SIZE PLATFORMS LABELS\n"
    "wherry.local/pause:1 application/vnd.oci.image.manifest.v1+json sha256:aa 10.8 KiB linux/arm64 -\n"
)
RULES = (
    "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j WHERRY-SERVICES\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
)
AGENT = f'[node]\nname = "pi1"\n[master]\nservers = ["{API}"]\n[runtime]\nendpoint = "{SOCKET}"\n'
CONTAINERD = (
    f'[grpc]\naddress = "{SOCKET}"\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "wherry.local/pause:1"\n'
)
CONFLIST = json.dumps({"plugins": [{"type": "bridge"}, {"type": "portmap"}]})
PODS = f"{API}/api/v1/pods?fieldSelector=spec.nodeName%3Dpi1"


def metadata(pages=4):
    """A sound bbolt file of so many pages."""
    body = struct.pack("<IIIIQQQQQ", bolt.MAGIC, 2, 4096, 0, 3, 0, 2, pages, 1)
    meta = b"\0" * bolt.HEADER + body + struct.pack("<Q", bolt.fnv1a(body))
    return meta.ljust(pages * 4096, b"\0").decode("latin-1")


def healthy():
    """A board that is a node, with a master and one other node."""
    files = {
        "/proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t16\t1\n",
        "/proc/cmdline": "console=tty1 root=/dev/mmcblk0p2",
        "/proc/filesystems": "nodev\toverlay\n\text4\n",
        "/proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n",
        "/proc/meminfo": "MemTotal:        3884376 kB\nMemAvailable:    3012000 kB\nSwapTotal: 102396 kB\n",
        "/proc/net/route": "Iface Destination\neth0 00000000\n",
        "/proc/sys/fs/file-nr": "5188\t0\t1000000\n",
        "/proc/sys/fs/inotify/max_user_instances": "128\n",
        "/proc/sys/fs/inotify/max_user_watches": "65536\n",
        "/proc/sys/net/ipv4/ip_forward": "1\n",
        "/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
        "/proc/sys/net/netfilter/nf_conntrack_count": "40\n",
        "/proc/sys/net/netfilter/nf_conntrack_max": "65536\n",
        "/proc/100/comm": "systemd",
        "/proc/100/fd/5": "anon_inode:inotify",
        "/proc/100/stat": "100 (containerd) S 1",
        "/etc/machine-id": f"{MACHINE_ID}\n",
        "/etc/resolv.conf": "nameserver 10.0.0.1\n",
        "/etc/wherry/agent.toml": AGENT,
        "/etc/wherry/containerd.toml": CONTAINERD,
        "/etc/wherry/node.crt": certificate(),
        "/etc/wherry/serving.crt": certificate(),
        "/etc/wherry/ca.crt": certificate(3650),
        "/etc/cni/net.d/10-wherry.conflist": CONFLIST,
        SOCKET: "",
        runtime.META: metadata(),
    } | {f"/usr/lib/cni/{plugin}": "" for plugin in network.NEEDED_PLUGINS}
    commands = {
        ("iptables-nft-save",): RULES,
        ("iptables-legacy-save",): "",
        (*CTR, "version"): "Client:\n  Version:  1.6.20\n\nServer:\n  Version:  1.6.20~ds1\n",
        IMAGES: IMAGE_TABLE,
        STATUS: json.dumps([{"name": name, "state": "running", "pid": 100} for name in services.SERVICES]),
        storage.SPACE: DF,
        storage.INODES: DF.replace("30000000", "1900000").replace("20000000", "1800000"),
        system.WANTED: "",
        runtime.POD_LOGS: "",
        network.ADDRESSES: json.dumps(LINKS),
        network.ROUTES: json.dumps([{"dst": "default", "gateway": "10.0.0.1"}]),
        network.PEER_ROUTES: json.dumps([{"dst": "10.42.2.0/24", "gateway": "10.0.0.12"}]),
        OWN_ROUTE: json.dumps([{"dst": "10.0.0.1", "prefsrc": "10.0.0.11"}]),
        ("uname", "-m"): "aarch64\n",
        ("dmesg",): "[    1.0] mmc0: new high speed SDHC card\n",
    }
    own, other = api_node("pi1", "10.0.0.11", MACHINE_ID), api_node("pi2", "10.0.0.12", "f" * 31 + "0")
    answers = {
        f"{API}/readyz": Answer(200, "ok", 0.012, format_datetime(NOW, usegmt=True)),
        f"{API}/api/v1/nodes/pi1": Answer(200, "{}", 0.01),
        f"{API}/api/v1/nodes": listed(own, other),
        PODS: listed(),
    }
    return Machine(files, commands, answers)


def changed(files=None, commands=None, answers=None, **more):
    """The healthy machine with these differences; None takes something away."""
    machine = healthy()
    for table, given in ((machine.files, files), (machine.commands, commands), (machine.answers, answers)):
        for name, value in (given or {}).items():
            table.pop(name, None)
            if value is not None:
                table[name] = value
    for name, value in more.items():
        setattr(machine, name, value)
    return machine
