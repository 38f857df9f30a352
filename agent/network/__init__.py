"""The pod network of this node: CNI configuration, the bridge, routes to the other nodes, masquerade."""
