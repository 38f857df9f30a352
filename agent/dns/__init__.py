"""The cluster's names, answered on the node by a small process of its own from the agent's service table."""
