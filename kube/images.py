"""Names of images: which registry one is meant of, and how the runtime lists it."""

from __future__ import annotations

DOCKER_HUB = "docker.io"


def registry(name: str) -> str:
    first, slash, _ = name.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else DOCKER_HUB


def path_of(name: str) -> str:
    """What follows the registry, in full: with tag and digest where it has them."""
    path = name.removeprefix(f"{registry(name)}/")
    return path if "/" in path or registry(name) != DOCKER_HUB else f"library/{path}"


def full_name(name: str) -> str:
    """With its registry, and the tag `latest` where it has neither tag nor digest."""
    path = path_of(name)
    pinned = "@" in path or ":" in path
    return f"{registry(name)}/{path}" + ("" if pinned else ":latest")
