"""Words about Services that masters and nodes share."""

ANNOUNCER = "wherry.dev/announced-by"
"""On a Service of type LoadBalancer: the node that answers for its addresses on the LAN."""
