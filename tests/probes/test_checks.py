"""The checks of a machine against pasted files and outputs: a fault each, and a healthy machine that is not blamed."""

import functools
import json

import pytest

from probes.checking import examine
from probes.checks import network, runtime, services, storage, system
from probes.checks.table import CHECKS
from probes.findings import Level
from probes.looking import Answer, CouldNotLook
from tests.probes.machines import (
    API,
    CTR,
    DF,
    IMAGE_TABLE,
    IMAGES,
    LINKS,
    MACHINE_ID,
    NOW,
    PODS,
    RULES,
    SOCKET,
    STATUS,
    api_node,
    certificate,
    changed,
    healthy,
    interface,
    listed,
    metadata,
)


def troubles(machine):
    return [f for f in examine(machine, CHECKS) if f.level is Level.TROUBLE]


def test_a_healthy_machine_is_not_blamed():
    assert [f for f in examine(healthy(), CHECKS) if f.level is not Level.WELL] == []


def states(**given):
    return json.dumps(
        [{"name": name, "state": given.get(name[7:], "running"), "pid": 100} for name in services.SERVICES]
    )


def stuck(reason):
    state = {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": "back-off"}}}]}
    return listed({"metadata": {"namespace": "shop", "name": "web-1"}, "status": state})


SILENT = CouldNotLook("ctr did not answer within 2.5 s")
DROP = "-A INPUT -p tcp -m tcp --dport 10250 -j DROP\nCOMMIT\n"
NARROW = [*LINKS[:1], interface("eth0", "10.0.0.11/24", 1280), *LINKS[2:]]
MUTE = [*LINKS[:1], interface("eth0", "10.0.0.11/24", flags=("BROADCAST", "UP")), *LINKS[2:]]
MOVED = [*LINKS[:1], interface("eth0", "10.0.0.99/24"), *LINKS[2:]]
DOWN = [*LINKS[:1], interface("eth0", "", flags=("BROADCAST", "MULTICAST")), *LINKS[2:]]
INSIDE = [*LINKS[:1], interface("eth0", "10.42.9.9/24"), *LINKS[2:]]
FLANNEL = [*LINKS, interface("flannel.1", "10.42.0.0/32")]
FULL = DF.replace("20000000", "100000").replace("30%", "99%")

FAULTS = {
    "power": (changed(commands={("vcgencmd", "get_throttled"): "throttled=0x50005\n"}), "power supply"),
    "power, by hwmon": (changed({"/sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}), "power supply"),
    "temperature": (changed({"/sys/class/thermal/thermal_zone0/temp": "84300\n"}), "fan"),
    "card": (
        changed(
            {"/sys/block/mmcblk0/device/life_time": "0x0b 0x01\n", "/sys/block/mmcblk0/device/pre_eol_info": "0x01"}
        ),
        "replace the card",
    ),
    "card, by its errors": (
        changed(
            {"/sys/block/mmcblk0/size": "1"},
            {("dmesg",): "[9.1] mmcblk0: error -110 sending status command\n[9.2] I/O error, dev mmcblk0, sector 8\n"},
        ),
        "replace the card",
    ),
    "read-only": (changed({"/proc/mounts": "/dev/mmcblk0p2 / ext4 ro 0 0\n"}), "mount -o remount,rw /"),
    "read-only, of one folder": (
        changed({"/proc/mounts": "/dev/a / ext4 rw 0 0\n/dev/b /var/lib/wherry ext4 ro 0 0\n"}),
        "mount -o remount,rw /var/lib/wherry",
    ),
    "disk": (
        changed(
            commands={storage.SPACE: FULL, ("sh", "-c", storage.LARGEST_FILES, "sh", "/"): "9000000 /var/log/old.log\n"}
        ),
        "rm -- /var/log/old.log",
    ),
    "disk, filled by what is needed": (
        changed(
            commands={
                storage.SPACE: FULL,
                ("sh", "-c", storage.LARGEST_FILES, "sh", "/"): "9 /var/lib/wherry/store.db\n",
            }
        ),
        "du -xh /",
    ),
    "inodes": (changed(commands={storage.INODES: FULL}), "du --inodes"),
    "disk-speed": (changed(write_seconds=0.8), "SSD"),
    "memory": (changed({"/proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 20000 kB\n"}), "memory limit"),
    "clock": (changed(time=NOW.timestamp() - 86400), f"date -u -s @{NOW.timestamp():.0f}"),
    "clock, ahead": (changed(time=NOW.timestamp() + 600), f"date -u -s @{NOW.timestamp():.0f}"),
    "memory-cgroup": (
        changed({"/proc/cgroups": "memory\t0\t1\t0\n", "/boot/firmware/cmdline.txt": "root=a"}),
        "cgroup_enable=memory",
    ),
    "memory-cgroup, two lines": (
        changed({"/proc/cgroups": "memory\t0\t1\t0\n", "/boot/firmware/cmdline.txt": "root=a\ncgroup_enable=memory\n"}),
        "tr '\\n' ' '",
    ),
    "joined": (changed({"/etc/wherry/agent.toml": None}), "master join"),
    "packages": (changed(commands={system.WANTED: "conntrack\n"}), "install -y --no-install-recommends conntrack"),
    "modules": (changed({"/proc/sys/net/bridge/bridge-nf-call-iptables": None}), "modprobe -a br_netfilter"),
    "machine-id": (changed({"/etc/machine-id": "uninitialized\n"}), "/etc/machine-id"),
    "inotify": (changed({f"/proc/100/fd/{n}": "anon_inode:inotify" for n in range(120)}), "max_user_instances=1024"),
    "inotify, taken elsewhere": (changed(more_inotify=False), "max_user_instances=1024"),
    "files": (changed({"/proc/sys/fs/file-nr": "99000 0 100000"}), "fs.file-max"),
    "conntrack": (changed({"/proc/sys/net/netfilter/nf_conntrack_count": "65530"}), "nf_conntrack_max=262144"),
    "sysctls": (changed({"/proc/sys/fs/inotify/max_user_watches": "128"}), "max_user_watches=524288"),
    "interfaces": (changed(commands={network.ADDRESSES: json.dumps(DOWN)}), "ip link set eth0 up"),
    "ranges": (changed(commands={network.ADDRESSES: json.dumps(INSIDE)}), "renumber"),
    "duplicate-address": (changed(others=["02:00:00:00:00:01"]), "02:00:00:00:00:01"),
    "firewall": (
        changed(commands={("iptables-nft-save",): RULES.replace("COMMIT\n", "") + DROP}),
        "iptables-nft -w -t filter -D INPUT -p tcp -m tcp --dport 10250 -j DROP",
    ),
    "iptables-backends": (
        changed(
            {"/proc/net/ip_tables_names": "nat\n"}, {("iptables-legacy-save",): "*nat\n-A OUTPUT -j RETURN\nCOMMIT\n"}
        ),
        "iptables-legacy -t nat -F",
    ),
    "forwarding": (changed({"/proc/sys/net/ipv4/ip_forward": "0"}), "sysctl -w net.ipv4.ip_forward=1"),
    "mtu": (changed(commands={network.ADDRESSES: json.dumps(NARROW)}), "ip link set dev eth0 mtu 1500"),
    "mtu, on the way": (changed(pings={"10.0.0.1": 1500, "10.0.0.12": 1400, "10.42.2.1": 1400}), "mtu 13"),
    "certificates": (changed({"/etc/wherry/node.crt": certificate(9)}), "master join pi1"),
    "certificates, one is broken": (changed({"/etc/wherry/serving.crt": "-----BEGIN"}), "master join pi1"),
    "trust": (changed(answers={f"{API}/api/v1/nodes/pi1": Answer(401, "", 0.01)}), "master join pi1"),
    "trust, another authority": (
        changed(
            answers=dict.fromkeys(healthy().answers, "certificate verify failed: self-signed certificate in chain")
        ),
        "master join pi1",
    ),
    "api": (changed(answers=dict.fromkeys(healthy().answers), ports={("10.0.0.1", 6443): "timed out"}), "port 6443"),
    "identity": (
        changed(
            answers={
                f"{API}/api/v1/nodes": listed(
                    api_node("pi1", "10.0.0.11", MACHINE_ID), api_node("pi2", "10.0.0.12", MACHINE_ID)
                )
            }
        ),
        "ssh-keygen -A",
    ),
    "containerd-metadata": (changed({runtime.META: metadata()[:9000]}), "meta.db.broken"),
    "containerd-settings": (changed({"/etc/wherry/containerd.toml": 'disabled_plugins = ["cri"]'}), "master join"),
    "containerd": (changed({SOCKET: None}, {(*CTR, "version"): SILENT}), "wherry-supervise restart wherry-containerd"),
    "containerd, stopped": (
        changed({"/proc/100/stat": "100 (containerd) T 1"}, {(*CTR, "version"): SILENT}),
        "kill -CONT 100",
    ),
    "services": (changed(commands={STATUS: states(agent="waiting")}), "wherry-supervise start wherry-agent"),
    "cni": (changed({"/etc/cni/net.d/05-other.conf": "{}"}), "mv /etc/cni/net.d/05-other.conf"),
    "cni, no file": (changed({"/etc/cni/net.d/10-wherry.conflist": None}), "restart wherry-agent"),
    "dns-loop": (changed({"/etc/resolv.conf": "nameserver 10.43.0.10\n"}), "nameserver 10.0.0.1"),
    "dns-loop, through this machine": (changed({"/etc/resolv.conf": "nameserver 127.0.0.53\n"}), "nameserver 10.0.0.1"),
    "dns": (changed(replies={network.MDNS: healthy().replies[network.MDNS]}), "restart wherry-dns"),
    "vxlan-offload": (
        changed(
            commands={
                network.ADDRESSES: json.dumps(FLANNEL),
                ("ethtool", "-k", "flannel.1"): "tx-checksum-ip-generic: on\n",
            }
        ),
        "tx-checksum-ip-generic off",
    ),
    "peers": (changed(ports={("10.0.0.12", 10250): "timed out"}), "--dport 10250"),
    "multicast": (changed(commands={network.ADDRESSES: json.dumps(MUTE)}), "multicast on"),
    "multicast, on the way": (changed(replies=healthy().replies | {network.MDNS: []}), "IGMP snooping"),
    "pause-image": (changed(commands={IMAGES: IMAGE_TABLE.replace("pause:1", "other:1")}), "master image load"),
    "image-platform": (
        changed(commands={IMAGES: IMAGE_TABLE + "a/b:1 t sha256:bb 1 MiB linux/amd64 -\n"}),
        "images remove a/b:1",
    ),
    "image-platform, by a log": (
        changed(commands={runtime.POD_LOGS: "/var/log/pods/shop_web-1_uid/c/0.log\n"}),
        "describe pod web-1",
    ),
    "node": (changed(commands={network.ADDRESSES: json.dumps(MOVED)}), "restart wherry-agent"),
    "pods": (changed(answers={PODS: stuck("CrashLoopBackOff")}), "master why -n shop web-1"),
}
"""A name begins with the check's."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_first_with_its_fix_and_nothing_else_is_blamed(name):
    machine, fix = FAULTS[name]
    causes = [finding for finding in troubles(machine) if not finding.cause]
    assert [finding.check for finding in causes] == [name.partition(",")[0]]
    assert fix in causes[0].fix
    assert causes[0].evidence and causes[0].breaks


def test_every_check_has_a_fault_that_makes_it_speak():
    assert {name.partition(",")[0] for name in FAULTS} == set(CHECKS)


def test_two_faults_at_once_are_both_named():
    machine = changed({"/proc/sys/net/ipv4/ip_forward": "0", "/etc/cni/net.d/05-other.conf": "{}"})
    assert [finding.check for finding in troubles(machine) if not finding.cause] == ["forwarding", "cni"]


def test_symptoms_stand_under_their_cause():
    machine = changed(commands={storage.SPACE: FULL, (*CTR, "version"): SILENT, STATUS: states(containerd="waiting")})
    found = {finding.check: finding.cause for finding in troubles(machine)}
    assert found == {"disk": "", "containerd": "disk", "services": "disk"}


@pytest.mark.parametrize(
    "rubbish", ["", "\x00\xff", "not json", "Filesystem\n", "[]", "{}", '[{"a": 1}]', "1 2 3 4 5 6 7"]
)
def test_broken_tools_end_in_could_not_look_never_in_a_traceback(rubbish):
    machine = healthy()
    machine.commands = dict.fromkeys(machine.commands, rubbish)
    machine.files = dict.fromkeys(machine.files, rubbish)
    machine.answers = dict.fromkeys(machine.answers, Answer(200, rubbish, 0.1, rubbish))
    assert {finding.check for finding in examine(machine, CHECKS)} <= set(CHECKS)


def test_a_bare_board_is_told_only_that_it_is_no_node():
    kept = ("/proc", "/sys", "/etc/machine-id", "/etc/resolv.conf")
    machine = healthy()
    machine.files = {path: text for path, text in machine.files.items() if path.startswith(kept)}
    machine.commands = {argv: text for argv, text in machine.commands.items() if argv[0] != "ctr"} | {STATUS: "[]"}
    assert [finding.check for finding in troubles(machine) if not finding.cause] == ["joined"]


@functools.cache
def names_of_healthy():
    return tuple(finding.check for finding in examine(healthy(), CHECKS))


def test_what_a_board_does_not_have_is_not_told():
    assert "power" not in names_of_healthy() and "vxlan-offload" not in names_of_healthy()
