"""NetworkPolicies to sets of addresses and iptables rules for the pods of this node; who is meant is found elsewhere.

NetworkPolicy, pods here, groups' addresses ─▶ resolving ─▶ rules ─▶ sets (ipset), agent.proxy's tables (mangle)
"""
