"""A service on a machine to join: the same `Service` as a systemd unit or as a file of our own supervisor.

Pure: files and commands come out, the runner runs them.  systemd counts where /run/systemd/system exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from provisioning.supervising.services import Service, render_service

Command = tuple[str, ...]
SYSTEMD_RUNS: Command = ("test", "-d", "/run/systemd/system")
SUPERVISE = "/usr/local/bin/wherry-supervise"
ETC = PurePosixPath("/etc/wherry")


@dataclass(frozen=True, slots=True)
class Installation:
    """Write `content` to `path`, then `begin`; after a change of the file `again`; to undo, `end` and remove the file."""

    path: PurePosixPath
    content: str
    begin: tuple[Command, ...]
    again: tuple[Command, ...]
    end: tuple[Command, ...]
    state: Command
    """Exit code 0 when the service runs."""


def under_systemd(service: Service, description: str = "") -> Installation:
    """The service as a unit."""
    name = f"{service.name}.service"
    return Installation(
        path=PurePosixPath("/etc/systemd/system") / name,
        content=render_unit(service, description),
        begin=(("systemctl", "daemon-reload"), ("systemctl", "enable", "--now", name)),
        again=(("systemctl", "daemon-reload"), ("systemctl", "restart", name)),
        end=(("systemctl", "disable", "--now", name),),
        state=("systemctl", "--quiet", "is-active", name),
    )


def under_supervisor(service: Service, etc: PurePosixPath = ETC, supervise: Command = (SUPERVISE,)) -> Installation:
    """The service as a file of the supervisor that `supervise` speaks to."""
    return Installation(
        path=etc / "services" / f"{service.name}.toml",
        content=render_service(service),
        begin=((*supervise, "start", service.name),),
        again=((*supervise, "restart", service.name),),
        end=((*supervise, "remove", service.name),),
        state=(*supervise, "is-active", service.name),
    )


def render_unit(service: Service, description: str = "") -> str:
    """The unit's text: started again within a second, however often it ends."""
    after = " ".join(["network-online.target", *(f"{name}.service" for name in service.after)])
    lines = [
        "[Unit]",
        f"Description={description or service.name}",
        f"After={after}",
        "Wants=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={' '.join(quote(word) for word in service.argv)}",
        *(f"Environment={quote(f'{key}={value}', in_command=False)}" for key, value in sorted(service.env.items())),
        "Restart=always",
        "RestartSec=0.5",
        f"TimeoutStopSec={service.stop_seconds:g}",
        f"KillMode={'process' if service.kill == 'process' else 'control-group'}",
        "Delegate=yes",
        "LimitNOFILE=1048576",
        "TasksMax=infinity",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def quote(word: str, in_command: bool = True) -> str:
    """A word as systemd.syntax(7) reads it: quoted where needed, % doubled, and $ too in a command (systemd.service(5))."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("\n", "\\n")
    if in_command:
        escaped = escaped.replace("$", "$$")
    plain = escaped and all(char.isalnum() or char in "_-./=:,@+%$" for char in escaped)
    return escaped if plain else f'"{escaped}"'
