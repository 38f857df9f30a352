"""Groups that others answer: an APIService's server behind its Service, and metrics.k8s.io from the agents.

Belongs here: whom a group's requests go to, as whom they are asked there, and whether they can be.  Does not: how a
connection is made (master.api.reaching) and a request passed on (master.api.forwarding).
"""
