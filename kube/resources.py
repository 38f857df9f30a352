"""What the name of a resource (cpu, example.com/gpu) tells of it."""

from __future__ import annotations

from kube import names


def is_native(name: str) -> bool:
    """Whether Kubernetes itself gives the resource its meaning."""
    return "/" not in name or "kubernetes.io/" in name


def is_extended(name: str) -> bool:
    """Whether others advertise it on nodes, as a device does; `requests.` before it is how a quota names it."""
    return not is_native(name) and not name.startswith("requests.") and not names.qualified_name(f"requests.{name}")
