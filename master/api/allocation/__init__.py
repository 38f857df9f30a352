"""Numbers that the cluster gives to Services: cluster addresses and node ports.

Belongs here: the pools, what a Service's spec must look like before and after, and the plugin that does it at a write.
Does not: whether the spec is otherwise right (validation), and what the numbers do on a node (the agent's proxy).
"""

from master.api.allocation.services import ServiceAllocation, build

__all__ = ["ServiceAllocation", "build"]
