"""The checks of a machine against pasted files and outputs: a fault each, and a healthy machine that is not blamed."""

import json

import pytest

from probes.findings import Level, as_json, as_text, exit_code, trouble, unsure, well
from probes.looking import Answer, CouldNotLook, Here
from probes.node_checks import CHECKS, INOTIFY_USED, SOCKET, examine

CTR = ("ctr", "--address", SOCKET, "--timeout", "2s", "version")
RUNNING = json.dumps([{"name": n, "state": "running"} for n in ("wherry-containerd", "wherry-agent", "wherry-dns")])


class Machine:
    """Files and commands' outputs as pasted; everything else is missing."""

    def __init__(self, files, commands, answer=None):
        self.files, self.commands, self.answer = files, commands, answer

    def read(self, path):
        if path not in self.files:
            raise CouldNotLook(f"{path}: No such file or directory")
        return self.files[path]

    def names(self, path):
        found = sorted({f.removeprefix(path + "/").split("/")[0] for f in self.files if f.startswith(path + "/")})
        if not found:
            raise CouldNotLook(f"{path}: No such file or directory")
        return found

    def run(self, argv, seconds=3.0):
        if tuple(argv) not in self.commands:
            raise CouldNotLook(f"{argv[0]} is not installed")
        return self.commands[tuple(argv)]

    def fetch(self, url, authority, seconds=3.0):
        if self.answer is None:
            raise CouldNotLook("Connection refused")
        return self.answer


def healthy():
    files = {
        "/proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t16\t1\n",
        "/proc/sys/net/ipv4/ip_forward": "1\n",
        "/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
        "/proc/sys/fs/inotify/max_user_instances": "128\n",
        "/proc/mounts": "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n",
        "/proc/meminfo": "MemTotal:        3884376 kB\nMemAvailable:    3012000 kB\n",
        "/etc/wherry/agent.toml": '[master]\nservers = ["https://10.0.0.1:6443"]\n',
        "/etc/cni/net.d/10-wherry.conflist": "{}",
    } | {f"/usr/lib/cni/{plugin}": "" for plugin in ("bridge", "host-local", "loopback", "portmap")}
    commands = {
        ("iptables-nft-save",): "*nat\n-A PREROUTING -j WHERRY-SERVICES\nCOMMIT\n",
        ("iptables-legacy-save",): "",
        CTR: "Client:\n  Version:  1.6.20\n\nServer:\n  Version:  1.6.20~ds1\n",
        ("wherry-supervise", "status"): RUNNING,
        (
            "df",
            "-Pk",
            "/var/lib",
        ): "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/root 30000000 1 20000000 30% /\n",
        ("df", "-Pi", "/var/lib"): "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/root 1900000 1 1800000 5% /\n",
        INOTIFY_USED: "12\n",
    }
    return Machine(files, commands, Answer(200, "ok", 0.012))


def test_a_healthy_machine_is_not_blamed():
    findings = examine(healthy())
    assert [f for f in findings if f.level is not Level.WELL] == []
    assert exit_code(findings) == 0


def change(files=None, commands=None, **more):
    machine = healthy()
    machine.files = {k: v for k, v in (machine.files | (files or {})).items() if v is not None}
    machine.commands = {k: v for k, v in (machine.commands | (commands or {})).items() if v is not None}
    for name, value in more.items():
        setattr(machine, name, value)
    return machine


FAULTS = {
    "memory cgroup": (change({"/proc/cgroups": "memory\t0\t1\t0\n"}), "cgroup_enable=memory"),
    "forwarding": (change({"/proc/sys/net/ipv4/ip_forward": "0"}), "sysctl -w net.ipv4.ip_forward=1"),
    "iptables backend": (
        change({"/proc/net/ip_tables_names": "nat\n"}, {("iptables-legacy-save",): "-A INPUT -j DROP\n"}),
        "iptables-legacy -F",
    ),
    "containerd": (change(commands={CTR: None}), "containerd"),
    "CNI": (change({"/etc/cni/net.d/05-other.conf": "{}"}), "remove /etc/cni/net.d/05-other.conf"),
    "services": (change(commands={("wherry-supervise", "status"): "[]"}), "wherry-containerd.log"),
    "disk": (
        change(commands={("df", "-Pk", "/var/lib"): "Filesystem\n/dev/root 1000000 990000 10000 99% /\n"}),
        "journalctl --vacuum-size",
    ),
    "root file system": (change({"/proc/mounts": "/dev/mmcblk0p2 / ext4 ro 0 0\n"}), "replace the card"),
    "memory": (change({"/proc/meminfo": "MemTotal: 1000000 kB\nMemAvailable: 20000 kB\n"}), "memory limits"),
    "inotify": (change(commands={INOTIFY_USED: "120"}), "max_user_instances=1024"),
    "API": (change(answer=None), "port 6443"),
}


@pytest.mark.parametrize("check", FAULTS)
def test_a_fault_is_named_with_its_fix_and_nothing_else_is_blamed(check):
    machine, fix = FAULTS[check]
    troubles = [f for f in examine(machine) if f.level is Level.TROUBLE]
    assert [f.check for f in troubles] == [check]
    assert fix in troubles[0].fix


def test_a_module_that_is_not_loaded_is_named():
    finding = next(
        f for f in examine(change({"/proc/sys/net/bridge/bridge-nf-call-iptables": None})) if f.check == "forwarding"
    )
    assert finding.fix == "modprobe br_netfilter"


@pytest.mark.parametrize("rubbish", ["", "\x00\xff", "not json", "Filesystem\n"])
def test_broken_tools_end_in_could_not_look_never_in_a_traceback(rubbish):
    machine = healthy()
    machine.commands = dict.fromkeys(machine.commands, rubbish)
    machine.files = dict.fromkeys(machine.files, rubbish)
    assert len(examine(machine)) == len(CHECKS)


def test_a_hanging_command_costs_its_time_limit_only():
    with pytest.raises(CouldNotLook, match="did not answer"):
        Here().run(("sleep", "30"), seconds=0.1)


@pytest.mark.parametrize(
    ("findings", "code"),
    [([well("a", "x")], 0), ([well("a", "x"), unsure("b", "y")], 2), ([unsure("b", "y"), trouble("c", "z", "f")], 1)],
)
def test_exit_codes(findings, code):
    assert exit_code(findings) == code


def test_troubles_are_told_first():
    findings = [well("a", "fine"), trouble("b", "bad", "mend it")]
    assert as_text(findings).splitlines() == ["✗ b: bad", "    fix: mend it", "✓ a: fine"]
    assert [row["level"] for row in json.loads(as_json(findings))] == ["trouble", "well"]
