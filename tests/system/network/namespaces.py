"""Network namespaces as nodes and pods: made, entered and taken away."""

import asyncio
import contextlib
import ctypes
import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWNET = 0x40000000


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=20, **options).stdout


@contextlib.contextmanager
def namespace(name):
    run("ip", "netns", "add", name)
    try:
        run("ip", "netns", "exec", name, "ip", "link", "set", "lo", "up")
        yield name
    finally:
        run("ip", "netns", "delete", name)


@dataclass
class Node:
    """A namespace with a bridge, `cni0`; `exec` runs in it, `pod` in one of its pods."""

    name: str

    def exec(self, *words):
        return run("ip", "netns", "exec", self.name, *words)

    def pod(self, pod, *words):
        return run("ip", "netns", "exec", f"{self.name}-{pod}", *words)

    @contextlib.contextmanager
    def connected(self, pod, address):
        """A pod of the node: a namespace joined to the bridge by a veth pair; yields the namespace's name."""
        with namespace(f"{self.name}-{pod}") as inner:
            ends = ("netns", self.name, "type", "veth", "peer", "name", "eth0", "netns", inner)
            run("ip", "link", "add", f"v{pod}", *ends)
            self.exec("ip", "link", "set", f"v{pod}", "master", "cni0", "up")
            self.exec("bridge", "link", "set", "dev", f"v{pod}", "hairpin", "on")
            self.pod(pod, "ip", "address", "add", f"{address}/24", "dev", "eth0")
            self.pod(pod, "ip", "link", "set", "eth0", "up")
            self.pod(pod, "ip", "route", "add", "default", "via", "10.42.0.1")
            yield inner


@contextlib.contextmanager
def bridged(prefix):
    """A node without pods."""
    with namespace(f"{prefix}{os.getpid()}") as name:
        node = Node(name)
        node.exec("ip", "link", "add", "cni0", "type", "bridge")
        node.exec("ip", "address", "add", "10.42.0.1/24", "dev", "cni0")
        node.exec("ip", "link", "set", "cni0", "up")
        yield node


def inside(node, work):
    """Runs the coroutine function `work` in a thread that lives in the node's network namespace."""
    outcome = []

    def body():
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{node.name}").open() as namespace:
            if libc.setns(namespace.fileno(), CLONE_NEWNET):
                outcome.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
                return
        try:
            outcome.append(asyncio.run(work()))
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join(50)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]
