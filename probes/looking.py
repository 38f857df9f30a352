"""How a probe touches a machine: read a file, run a command, talk over the network.  Every check is pure over a Looker.

Nothing here may hang: commands are killed at their limit and not waited for (a process in the kernel's hands, as on a
dead network file system, cannot be killed), and whoever runs the checks gives each of them a limit of its own.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from probes.reaching import Answer, CouldNotLook, Reply, Wire

__all__ = ["Answer", "CouldNotLook", "Here", "Looker", "Reply"]

SECONDS = 3.0
LARGEST = 4 << 20
BITE = 32 << 10
DIRECTORIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Looker(Protocol):
    root: Path

    def read(self, path: str) -> str: ...

    def head(self, path: str, size: int) -> tuple[bytes, int]:
        """The first bytes of a file, and how large it is."""
        ...

    def names(self, path: str) -> list[str]:
        """What lies in a folder, sorted."""
        ...

    def link(self, path: str) -> str:
        """Where a symbolic link leads."""
        ...

    def run(self, argv: Sequence[str], seconds: float = SECONDS) -> str:
        """A command's standard output; CouldNotLook also when it fails or hangs."""
        ...

    def fsync(self, path: str) -> float:
        """Seconds that a small write to the disk takes in a folder; the file is gone afterwards."""
        ...

    def inotify(self) -> bool:
        """Whether the kernel gives this user one more inotify instance."""
        ...

    def now(self) -> float: ...

    def fetch(self, url: str, *, timeless: bool = False, proven: bool = False, seconds: float = SECONDS) -> Answer:
        """GET of the API, as the agent does it; `timeless` ignores the certificates' dates, `proven` shows our own."""
        ...

    def connect(self, address: str, port: int, seconds: float = 1.0) -> str:
        """Empty when a TCP connection opens; else `refused`, `timed out` or the kernel's words."""
        ...

    def exchange(self, address: str, port: int, datagram: bytes, seconds: float = 1.0, most: int = 1) -> list[Reply]:
        """What comes back to one UDP datagram."""
        ...

    def echo(self, address: str, size: int, seconds: float = 0.7) -> bool:
        """Whether an ICMP echo of `size` bytes (the whole packet) that may not be cut comes back."""
        ...

    def claims(self, interface: str, address: str, seconds: float = 0.5) -> list[str]:
        """Hardware addresses of other machines that say they have this address (ARP)."""
        ...


class Here(Wire):
    """This machine, or what lies under `root` of it."""

    def __init__(self, root: Path = Path("/")) -> None:
        super().__init__(root)

    def read(self, path: str) -> str:
        try:
            with (self.root / path.lstrip("/")).open("rb", buffering=0) as file:
                # In small bites: the kernel refuses a read of its /proc/sys files that is larger than it can allocate.
                pieces = iter(lambda: file.read(BITE), b"")
                return b"".join(islice(pieces, LARGEST // BITE)).decode("utf-8", "replace")
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def head(self, path: str, size: int) -> tuple[bytes, int]:
        try:
            with (self.root / path.lstrip("/")).open("rb", buffering=0) as file:
                return file.read(size), os.fstat(file.fileno()).st_size
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self.root / path.lstrip("/")))  # noqa: PTH208 (names, not paths)
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def link(self, path: str) -> str:
        try:
            return str((self.root / path.lstrip("/")).readlink())
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def run(self, argv: Sequence[str], seconds: float = SECONDS) -> str:
        environment = {"PATH": DIRECTORIES, "LC_ALL": "C"}
        try:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise CouldNotLook(f"{argv[0]} is not installed") from error
        except OSError as error:
            raise CouldNotLook(f"{argv[0]}: {error.strerror}") from error
        try:
            output, errors = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            _end(child)
            raise CouldNotLook(f"{argv[0]} did not answer within {seconds:.1f} s") from error
        if child.returncode:
            words = (errors or output).decode("utf-8", "replace").strip().splitlines()
            raise CouldNotLook(f"{argv[0]} ended with {child.returncode}: {words[-1] if words else 'it said nothing'}")
        return output[:LARGEST].decode("utf-8", "replace")

    def fsync(self, path: str) -> float:
        try:
            took = []
            with tempfile.TemporaryFile(dir=self.root / path.lstrip("/")) as file:
                for _ in range(3):
                    began = time.monotonic()
                    file.write(b"\0" * 4096)
                    file.flush()
                    os.fsync(file.fileno())
                    took.append(time.monotonic() - began)
            return statistics.median(took)
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def inotify(self) -> bool:
        instance = ctypes.CDLL(None).inotify_init()
        if instance >= 0:
            os.close(instance)
        return bool(instance >= 0)

    def now(self) -> float:
        return time.time()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill what hangs, with its children; its pipes are closed and nobody waits longer than a moment."""
    try:
        os.killpg(child.pid, 9)
    except ProcessLookupError:
        child.kill()
    for pipe in (child.stdout, child.stderr):
        if pipe:
            pipe.close()
    try:
        child.wait(0.2)
    except subprocess.TimeoutExpired:
        return  # in the kernel's hands; it ends when the kernel lets it
