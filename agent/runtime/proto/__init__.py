"""The messages of CRI and of containerd's events: .proto files of our own, compiled by `python -m agent.runtime.proto`.

The compiled modules are committed, so that a node needs no compiler; nothing outside `agent.runtime` imports them.
"""
