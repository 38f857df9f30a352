"""The CNI configuration of this node: a bridge with the node's pod range, host ports, and nothing that needs a daemon.

Plugins are Debian's containernetworking-plugins; the format is CNI's network configuration list, version 0.4.0 (what
containerd 1.6 and plugins 1.1 speak).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE_NAME = "10-wherry.conflist"
NETWORK = "wherry"
BRIDGE = "cni0"


def configuration(pod_cidr: str, *, bridge: str = BRIDGE, mtu: int = 0, leases: Path = Path("/run/wherry/cni")) -> str:
    """The text of the conflist; `mtu` 0 leaves the kernel's default, `leases` is where pods' addresses are kept.

    No ipMasq: the proxy's and the network's own rules masquerade what leaves the cluster and nothing else.
    """
    plugin: dict[str, Any] = {
        "type": "bridge",
        "bridge": bridge,
        "isGateway": True,
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": pod_cidr}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(leases),
        },
    }
    if mtu:
        plugin["mtu"] = mtu
    ports = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}
    return json.dumps({"cniVersion": "0.4.0", "name": NETWORK, "plugins": [plugin, ports]}, indent=2) + "\n"
