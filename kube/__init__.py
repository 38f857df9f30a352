"""Words both sides share: objects, kinds, quantities, selectors, patches, codecs, the HTTP client, PKI and configuration.

Belongs here: pure knowledge of the Kubernetes API that master and agent both need, and the client that speaks it.
Does not: anything that decides, stores or listens.  kube imports none of the other rooms.
"""
