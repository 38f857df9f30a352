"""This machine as a Node: what it has, how it is, and that it is alive.

Belongs here: capacity, addresses, conditions, load, the Lease.  Does not: pods, containers, networks.
"""
