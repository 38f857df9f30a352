"""A service as a file: `etc/wherry/services/NAME.toml` under the root.

argv = ["/usr/bin/containerd"]
after = ["sshd"]                 # started before this one
stop_seconds = 10.0              # from SIGTERM to SIGKILL
kill = "group"                   # or "process": only the main process is told to stop
[env]
GOMAXPROCS = "2"
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Service:
    """What to run and how to stop it."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    stop_seconds: float = 10.0
    kill: str = "group"


def parse_service(name: str, text: str) -> Service:
    """The service that a file describes; ValueError says what is wrong with it."""
    table = tomllib.loads(text)
    unknown = set(table) - {"argv", "env", "after", "stop_seconds", "kill"}
    if unknown:
        raise ValueError(f"{name}: unknown settings {', '.join(sorted(unknown))}")
    argv = table.get("argv")
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        raise ValueError(f"{name}: argv must be a list of strings")
    if table.get("kill", "group") not in ("group", "process"):
        raise ValueError(f"{name}: kill must be group or process")
    return Service(
        name=name,
        argv=tuple(argv),
        env={key: str(value) for key, value in table.get("env", {}).items()},
        after=tuple(table.get("after", ())),
        stop_seconds=float(table.get("stop_seconds", 10.0)),
        kill=table.get("kill", "group"),
    )


def render_service(service: Service) -> str:
    """The file that `parse_service` reads back; strings are JSON's, which TOML shares."""

    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = [
        f"argv = {text(list(service.argv))}",
        f"after = {text(list(service.after))}",
        f"stop_seconds = {service.stop_seconds}",
        f"kill = {text(service.kill)}",
        "[env]",
        *(f"{text(key)} = {text(value)}" for key, value in sorted(service.env.items())),
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the supervisor of one root reads, writes and listens."""

    root: Path

    @property
    def services(self) -> Path:
        return self.root / "etc/wherry/services"

    @property
    def run(self) -> Path:
        return self.root / "run/wherry"

    @property
    def socket(self) -> Path:
        return self.run / "supervise.sock"

    def log(self, name: str) -> Path:
        return self.root / "var/log/wherry" / f"{name}.log"
