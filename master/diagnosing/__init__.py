"""What `master doctor` and `master why` know: what is wrong with the cluster and its nodes, and the fix.

    cluster, here   what the API's objects and the master's own files tell; pure over what was read
    nodes, ways     the nodes' own checks, asked at once: over SSH, or from outside where nobody lets us in
    chains          why a pod, Service, claim or node is not as it should be, link by link

Does not belong: the checks of a machine (`probes`), deciding or changing anything.
"""
