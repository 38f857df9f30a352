"""The agent on each node: pods through containerd, the service proxy, the pod network, names and the node's API."""
