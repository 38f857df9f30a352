"""The one way a probe touches a machine: read a file, run a command.  Everything else in this room is pure."""

from __future__ import annotations

import os
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

SECONDS = 3.0
LARGEST = 4 << 20
BITE = 32 << 10
DIRECTORIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class CouldNotLook(Exception):
    """The file or program is not there, may not be used, or does not answer; the text says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, and how many seconds it took; any status is an answer."""

    status: int
    body: str
    seconds: float


class Looker(Protocol):
    def read(self, path: str) -> str: ...

    def names(self, path: str) -> list[str]:
        """What lies in a folder, sorted."""
        ...

    def run(self, argv: Sequence[str], seconds: float = SECONDS) -> str:
        """A command's standard output; CouldNotLook also when it fails or hangs."""
        ...

    def fetch(self, url: str, authority: str, seconds: float = SECONDS) -> Answer:
        """GET over TLS verified by the authority's file; CouldNotLook says why the link fails."""
        ...


class Here:
    """This machine, or what lies under `root` of it."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def read(self, path: str) -> str:
        try:
            with (self.root / path.lstrip("/")).open("rb", buffering=0) as file:
                # In small bites: the kernel refuses a read of its /proc/sys files that is larger than it can allocate.
                pieces = iter(lambda: file.read(BITE), b"")
                return b"".join(islice(pieces, LARGEST // BITE)).decode("utf-8", "replace")
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self.root / path.lstrip("/")))  # noqa: PTH208 (names, not paths)
        except OSError as error:
            raise CouldNotLook(f"{path}: {error.strerror or error}") from error

    def run(self, argv: Sequence[str], seconds: float = SECONDS) -> str:
        environment = {"PATH": DIRECTORIES, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                list(argv), capture_output=True, timeout=seconds, env=environment, check=False, stdin=subprocess.DEVNULL
            )
        except FileNotFoundError as error:
            raise CouldNotLook(f"{argv[0]} is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise CouldNotLook(f"{argv[0]} did not answer within {seconds:.0f} s") from error
        except OSError as error:
            raise CouldNotLook(f"{argv[0]}: {error.strerror}") from error
        if done.returncode:
            words = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
            raise CouldNotLook(f"{argv[0]} ended with {done.returncode}: {words[-1] if words else 'it said nothing'}")
        return done.stdout[:LARGEST].decode("utf-8", "replace")

    def fetch(self, url: str, authority: str, seconds: float = SECONDS) -> Answer:
        began = time.monotonic()
        try:
            context = ssl.create_default_context(cafile=str(self.root / authority.lstrip("/")))
            with urllib.request.urlopen(url, timeout=seconds, context=context) as response:
                return Answer(response.status, response.read(BITE).decode("utf-8", "replace"), time.monotonic() - began)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read(BITE).decode("utf-8", "replace"), time.monotonic() - began)
        except urllib.error.URLError as error:
            raise CouldNotLook(str(error.reason)) from error
        except OSError as error:
            raise CouldNotLook(str(error)) from error
