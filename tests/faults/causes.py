"""The faults of the field, each as it is brought about on a virtual node, and what the doctor must say first.

Scripts run at node-1's console; `from_host` ones in the cluster's network beside the master, where `on NODE COMMAND` is a
node's console.  What no virtual node has (boards' sensors, cards, the kernel's command line, its clock) is told from
recordings in tests/probes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """`fix` is what is done where the printed one is no command for this machine; `heal` clears away what the fault left."""

    inject: str
    check: str
    says: str = ""
    fix: str = ""
    heal: str = ""
    from_host: bool = False
    usual: bool = False
    """Among the few of `make test`."""


CNI = "/etc/cni/net.d/10-wherry.conflist"
CTR = "ctr --address /run/wherry/containerd/containerd.sock --namespace k8s.io"
PID = (
    '$(wherry-supervise status | python3 -c \'import json, sys; print({r["name"]: r for r in json.load(sys.stdin)}["%s"]'
    '["pid"])\')'
)
KEPT = "cp %s /tmp/kept && "
BACK = "cat /tmp/kept > %s"
SIGNED = (
    "on node-1 'openssl req -new -key /etc/wherry/node.key -subj /O=system:nodes/CN=system:node:node-1' | "
    "openssl x509 -req -days %d -CA $ROOT/etc/kubernetes/pki/ca.crt -CAkey $ROOT/etc/kubernetes/pki/ca.key "
    "-set_serial 7 2> /dev/null > $ROOT/short.crt; on node-1 cp /etc/wherry/node.crt /tmp/kept; "
    "on node-1 'cat > /etc/wherry/node.crt' < $ROOT/short.crt"
)

FAULTS: dict[str, Fault] = {
    "disk filled": Fault(
        "mount -t tmpfs -o size=16m none /tmp; dd if=/dev/zero of=/tmp/big bs=1M count=16 2> /dev/null",
        "disk",
        "/tmp is full",
        heal="umount /tmp",
        usual=True,
    ),
    "inodes used up": Fault(
        "mount -t tmpfs -o nr_inodes=64 none /tmp; mkdir /tmp/many; cd /tmp/many; seq 100 | xargs touch 2> /dev/null",
        "inodes",
        "no inodes left",
        heal="umount /tmp",
    ),
    "file system read-only": Fault(
        "mount -t tmpfs none /tmp; mount -o remount,ro /tmp", "read-only", heal="umount /tmp", usual=True
    ),
    "forwarding off": Fault("sysctl -w net.ipv4.ip_forward=0", "forwarding", usual=True),
    "bridged packets not filtered": Fault("sysctl -w net.bridge.bridge-nf-call-iptables=0", "forwarding"),
    "forwarding off on the uplink": Fault("sysctl -w net.ipv4.conf.eth0.forwarding=0", "forwarding", "eth0"),
    "CNI file removed": Fault(f"rm {CNI}", "cni", usual=True),
    "CNI file cut short": Fault(f"truncate -s 20 {CNI}", "cni", "broken"),
    "another CNI file first": Fault(
        f"cp {CNI} /etc/cni/net.d/05-other.conflist",
        "cni",
        "before ours",
        heal="rm /etc/cni/net.d/05-other.conflist.off",
    ),
    "CNI plugin missing": Fault(
        "mv /usr/lib/cni/bridge /usr/lib/cni/bridge.off",
        "cni",
        "bridge",
        fix="mv /usr/lib/cni/bridge.off /usr/lib/cni/bridge",
    ),
    "runc missing": Fault(
        "mv /usr/sbin/runc /usr/sbin/runc.off", "packages", "runc", fix="mv /usr/sbin/runc.off /usr/sbin/runc"
    ),
    "legacy rules beside nft": Fault(
        "iptables-legacy -A INPUT -s 192.0.2.1 -j ACCEPT", "iptables-backends", "in legacy", usual=True
    ),
    "legacy NAT rules beside nft": Fault(
        "iptables-legacy -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT --to-ports 80", "iptables-backends"
    ),
    "firewall drops 10250": Fault("iptables -I INPUT -p tcp --dport 10250 -j DROP", "firewall", "10250", usual=True),
    "firewall rejects a range": Fault(
        "iptables -I INPUT -p tcp -m multiport --dports 9000:11000 -j REJECT", "firewall", "10250"
    ),
    "firewall drops pods": Fault("iptables -I FORWARD -i cni0 -j DROP", "firewall", "the pods' traffic"),
    "firewall drops the API": Fault("iptables -I OUTPUT -p tcp --dport 6443 -j DROP", "firewall", "6443"),
    "firewall drops mDNS": Fault("iptables -I INPUT -p udp --dport 5353 -j DROP", "firewall", "mDNS"),
    "another node's firewall drops 10250": Fault(
        "on node-2 iptables -I INPUT -p tcp --dport 10250 -j DROP",
        "peers",
        "10.99.0.12",
        heal="on node-2 'iptables -D INPUT -p tcp --dport 10250 -j ACCEPT; iptables -D INPUT -p tcp --dport 10250 -j DROP'",
        from_host=True,
    ),
    "the master's firewall drops 6443": Fault(
        "iptables -I INPUT -s 10.99.0.11 -p tcp --dport 6443 -j DROP",
        "api",
        "no master answers",
        fix="iptables -D INPUT -s 10.99.0.11 -p tcp --dport 6443 -j DROP",
        from_host=True,
    ),
    "multicast switched off": Fault("ip link set eth0 multicast off", "multicast"),
    "MTU of the link lowered": Fault("ip link set eth0 mtu 1300", "mtu", usual=True),
    "LAN inside the pods' range": Fault(
        "ip address add 10.42.200.1/24 dev eth0", "ranges", "pods", fix="ip address del 10.42.200.1/24 dev eth0"
    ),
    "LAN inside the Services' range": Fault(
        "ip address add 10.43.7.1/24 dev eth0", "ranges", "Services", fix="ip address del 10.43.7.1/24 dev eth0"
    ),
    "address taken twice": Fault(
        "on node-2 ip address add 10.99.0.11/24 dev eth0",
        "duplicate-address",
        fix="on node-2 ip address del 10.99.0.11/24 dev eth0",
        from_host=True,
    ),
    "DNS looped": Fault(
        "printf 'nameserver 10.43.0.10\\n' > /etc/resolv.conf",
        "dns-loop",
        heal="rm /etc/resolv.conf.wherry",
        usual=True,
    ),
    "DNS at this machine alone": Fault("printf 'nameserver 127.0.0.1\\n' > /etc/resolv.conf", "dns-loop"),
    "machine-id empty": Fault(": > /etc/machine-id", "machine-id", usual=True),
    "machine-id not set up": Fault("echo uninitialized > /etc/machine-id", "machine-id"),
    "machine-id cloned": Fault(
        "on node-2 cat /etc/machine-id | on node-1 'cat > /etc/machine-id'", "identity", "node-2", from_host=True
    ),
    "agent stopped": Fault("wherry-supervise stop wherry-agent", "services", "wherry-agent", usual=True),
    "names stopped": Fault("wherry-supervise stop wherry-dns", "services", "wherry-dns"),
    "names hang": Fault(f"kill -STOP {PID % 'wherry-dns'}", "services", "SIGSTOP"),
    "containerd hangs": Fault(f"kill -STOP {PID % 'wherry-containerd'}", "containerd", "SIGSTOP", usual=True),
    "containerd stopped": Fault("wherry-supervise stop wherry-containerd", "containerd", "does not run"),
    "containerd's settings broken": Fault(
        KEPT % "/etc/wherry/containerd.toml" + "echo '[[' >> /etc/wherry/containerd.toml",
        "containerd-settings",
        fix=BACK % "/etc/wherry/containerd.toml",
    ),
    "containerd without CRI": Fault(
        KEPT % "/etc/wherry/containerd.toml"
        + "sed -i 's/^disabled_plugins = .*/disabled_plugins = [\"cri\"]/' /etc/wherry/containerd.toml",
        "containerd-settings",
        "CRI",
        fix=BACK % "/etc/wherry/containerd.toml",
    ),
    "pause image removed": Fault(
        f"{CTR} images remove --sync wherry.local/pause:1",
        "pause-image",
        fix="master image load $ROOT/var/lib/wherry/images/wherry.tar",
        usual=True,
    ),
    "certificate ends in 3 days": Fault(
        SIGNED % 3,
        "certificates",
        "ends in",
        fix="on node-1 'cat /tmp/kept > /etc/wherry/node.crt'",
        from_host=True,
        usual=True,
    ),
    "certificate cut short": Fault(
        KEPT % "/etc/wherry/node.crt" + "truncate -s 100 /etc/wherry/node.crt",
        "certificates",
        "cannot be used",
        fix=BACK % "/etc/wherry/node.crt",
    ),
    "agent's settings broken": Fault(
        KEPT % "/etc/wherry/agent.toml" + "echo '[[' >> /etc/wherry/agent.toml",
        "api",
        "cannot be read",
        fix=BACK % "/etc/wherry/agent.toml",
    ),
}
