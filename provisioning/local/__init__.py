"""A whole cluster on this machine: what `master up` raises and `master down` takes away.

Belongs here: checks before anything is changed, the supervised master, the sample, and the order of it all.  Does not:
how a machine is joined, an image made or a virtual node built; those rooms are called.
"""
