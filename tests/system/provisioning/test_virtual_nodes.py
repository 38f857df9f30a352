"""Virtual nodes on the real kernel: made, reached by SSH, unplugged, started again, gone without a trace."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kube.layout import Layout
from provisioning.local import supervised
from provisioning.local.lowering import lower_cluster
from provisioning.local.reporting import Steps
from provisioning.supervising.services import Service
from provisioning.virtual.network import ensure_network, link_name, remove_network
from provisioning.virtual.nodes import VirtualNode, all_nodes, master_key
from provisioning.virtual.records import MIB, Blueprint, Size, tag

NAME = "node-a"


def until(holds: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "not within the time"
        time.sleep(0.05)


def leftovers(layout: Layout) -> list[str]:
    """What of a cluster is still in the kernel: mounts, links, cgroups and the processes in them."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(layout.root) in line]
    names = {f"wh-{tag(layout)}", link_name(f"wh-{tag(layout)}", NAME)}
    links = [path.name for path in Path("/sys/class/net").iterdir() if path.name in names]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/wherry/{tag(layout)}")]
    return mounts + links + groups


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    layout = Layout(tmp_path_factory.mktemp("cluster"))
    yield layout
    for node in all_nodes(layout):
        node.destroy()
    remove_network(layout)
    assert leftovers(layout) == []


@pytest.fixture(scope="module")
def node(layout: Layout, tmp_path_factory: pytest.TempPathFactory) -> VirtualNode:
    """A node that runs and whose sshd answers."""
    sleeper = Service("sleeper", ("sleep", "1000"), after=("sshd",))
    tools = tmp_path_factory.mktemp("tools")
    (tools / "tool").write_text("a tool")
    blueprint = Blueprint(NAME, Size(256 * MIB, 0.5), services=(sleeper,), programs=(tools,))
    node = VirtualNode.create(layout, ensure_network(layout), blueprint)
    node.start()
    until(lambda: ssh(node, "true").returncode == 0)
    return node


def ssh(node: VirtualNode, command: str, host_key: str = "") -> subprocess.CompletedProcess[str]:
    """A command over the node's sshd, which must prove that it holds the recorded host key."""
    known = node.layout.state / "known_hosts"
    known.write_text(f"{node.record.address} {host_key or node.record.host_key}\n")
    strict = ("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes")
    words = ["ssh", "-F", "none", "-i", str(master_key(node.layout)), *strict, f"root@{node.record.address}", command]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)


def test_its_sshd_holds_the_recorded_key_and_lets_the_master_in(node: VirtualNode) -> None:
    answer = ssh(node, "hostname; cat /etc/machine-id; stat -c %a /etc/ssh/ssh_host_ed25519_key")
    assert answer.stdout.split() == [NAME, node.record.machine_id, "600"], answer.stderr


def test_another_host_key_is_noticed(node: VirtualNode) -> None:
    other = master_key(node.layout).with_suffix(".pub").read_text().strip()
    assert ssh(node, "true", host_key=other).returncode == 255


def test_its_cgroup_is_its_capacity(node: VirtualNode) -> None:
    version_1, version_2 = "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"
    answer = ssh(node, f"cat {version_1} {version_2} 2>/dev/null")
    assert answer.stdout.split() == [str(256 * MIB)]


def test_it_sees_its_own_world(node: VirtualNode) -> None:
    assert ssh(node, f"ls -A {node.layout.root} /tmp /root /etc/kubernetes 2>/dev/null").stdout.count("node.json") == 0
    assert ssh(node, "cat /proc/1/comm; ls /sys/class/net").stdout.split()[-2:] == ["eth0", "lo"]
    assert ssh(node, "sysctl -qw net.ipv4.ip_forward=1 && iptables -t nat -N PROBE").returncode == 0


def test_it_sees_the_programs_it_was_given_and_cannot_change_them(node: VirtualNode) -> None:
    tool = f"{node.record.programs[0]}/tool"
    assert ssh(node, f"cat {tool}").stdout == "a tool"
    assert "Read-only" in ssh(node, f"echo changed > {tool}").stderr


def test_it_has_no_right_to_lower_oom_scores(node: VirtualNode) -> None:
    assert ssh(node, "echo -500 > /proc/self/oom_score_adj").returncode != 0


def test_its_services_are_supervised(node: VirtualNode) -> None:
    before = node.run(["pidof", "sleep"]).stdout
    node.run(["kill", "-9", before.strip()])
    until(lambda: node.run(["pidof", "sleep"], check=False).stdout.strip() not in ("", before.strip()), 5.0)


CONTAINERD = """\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true
"""


def test_containerd_runs_a_container_in_it(node: VirtualNode) -> None:
    node.run(
        ["sh", "-c", f"mkdir -p /etc/containerd /srv/tree/bin && echo '{CONTAINERD}' > /etc/containerd/config.toml"]
    )
    node.run(["cp", "/bin/busybox", "/srv/tree/bin/sh"])
    node.install(Service("containerd", ("/usr/bin/containerd",), kill="process"))
    until(lambda: node.run(["ctr", "version"], check=False).returncode == 0)
    assert "overlayfs" in node.run(["sh", "-c", "ctr plugins ls | grep 'snapshotter.*ok'"]).stdout
    ran = node.run(["ctr", "run", "--rm", "--rootfs", "/srv/tree", "one", "/bin/sh", "-c", "cat /proc/self/cgroup"])
    assert "/default/one" in ran.stdout
    assert "wherry" not in ran.stdout


def test_its_plug_is_pulled_and_it_starts_again_with_its_disk(node: VirtualNode) -> None:
    node.run(["sh", "-c", "echo kept > /var/lib/kept; echo lost > /run/lost"])
    assert node.kill()
    assert not node.kill()
    assert [line for line in leftovers(node.layout) if not line.startswith("wh-")] == []
    assert node.start()
    assert not node.start()
    until(lambda: ssh(node, "true").returncode == 0)
    assert ssh(node, "cat /var/lib/kept /run/lost").stdout == "kept\n"


def test_creating_it_again_finds_it(node: VirtualNode) -> None:
    again = VirtualNode.create(node.layout, ensure_network(node.layout), Blueprint(NAME))
    assert again.record == node.record
    assert [known.record.name for known in all_nodes(node.layout)] == [NAME]


def test_a_start_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    broken = VirtualNode.create(layout, ensure_network(layout), Blueprint(NAME))
    try:
        shutil.rmtree(broken.places.work)
        with pytest.raises(ValueError, match=f"{NAME} did not start: .*mount overlay"):
            broken.start()
    finally:
        broken.destroy()
        remove_network(layout)
    assert leftovers(layout) == []
    assert not broken.places.folder.exists()


def test_a_creation_that_was_interrupted_is_made_anew(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    half = layout.state / "virtual" / NAME / "upper/etc"
    half.mkdir(parents=True)
    (half / "hostname").write_text("half")
    try:
        node = VirtualNode.create(layout, ensure_network(layout), Blueprint(NAME))
        assert (half / "hostname").read_text() == f"{NAME}\n"
        assert not node.destroy()
    finally:
        remove_network(layout)


def test_another_cluster_gets_another_subnet(layout: Layout, node: VirtualNode, tmp_path: Path) -> None:
    other = Layout(tmp_path)
    try:
        assert ensure_network(other).subnet != ensure_network(layout).subnet
        assert ensure_network(other, "10.98.7.0/24").subnet == "10.98.7.0/24"
        with pytest.raises(ValueError, match="no free subnet"):
            ensure_network(other, ensure_network(layout).subnet)
    finally:
        remove_network(other)


def test_where_the_host_forwards_nothing_the_bridge_is_let_pass(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from kube.layout import Layout; import subprocess as s\n"
        "from provisioning.virtual.network import ensure_network, remove_network\n"
        "save = lambda: s.run(['/usr/sbin/iptables', '-S', 'FORWARD'], capture_output=True, text=True).stdout\n"
        "s.run(['/usr/sbin/iptables', '-P', 'FORWARD', 'DROP'], check=True); layout = Layout(Path('.'))\n"
        "network = ensure_network(layout); assert f'-i {network.bridge} -o {network.bridge}' in save()\n"
        "remove_network(layout); assert save() == '-P FORWARD DROP\\n', save()"
    )
    subprocess.run(["unshare", "--net", sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=30)


def test_down_ends_what_runs_though_its_files_are_gone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "root")
    node = VirtualNode.create(layout, ensure_network(layout), Blueprint(NAME))
    node.start()
    keeper = supervised.BySupervisor(layout, supervised.master_service(layout))
    keeper.ensure()
    shutil.rmtree(layout.root)
    lines: list[str] = []
    lower_cluster(layout, Steps(lines.append))
    assert [line[0] for line in lines if line[0] != "·"] == ["✓", "✓", "✓"], lines
    assert leftovers(layout) == []
    assert not keeper.stop()
