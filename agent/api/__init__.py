"""The node's own HTTPS API on 10250: logs, exec, attach, port-forward, images, pods; and its health in clear on 10256.

Belongs here: who may ask, and the way from a request to a container.  Does not: what a pod should be (agent.pods).
"""
