"""The command line of the supervisor: `run`, and words for the one that runs."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from provisioning.supervising.control import request
from provisioning.supervising.loop import Supervisor
from provisioning.supervising.services import Places, Service, render_service

SETTLE_SECONDS = 30.0


def install_service(places: Places, service: Service) -> bool:
    """Write a service's file; the supervisor is told when something changed, and restarts what runs differently."""
    path = places.services / f"{service.name}.toml"
    text = render_service(service)
    if path.exists() and path.read_text() == text:
        return False
    known = path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)
    request(places, "restart" if known else "reload", service.name if known else "")
    return True


def remove_service(places: Places, name: str) -> bool:
    """Stop a service and forget it; False where there is none."""
    path = places.services / f"{name}.toml"
    if not path.exists():
        return False
    path.unlink()
    request(places, "reload")
    settle(places, name, "stop")
    return True


def status(places: Places) -> list[dict[str, Any]]:
    """A row for each service; empty where no supervisor runs."""
    reply = request(places, "status")
    return reply["services"] if reply else []


def is_active(places: Places, name: str) -> bool:
    """Whether a service of this name runs."""
    return any(row["name"] == name and row["state"] == "running" for row in status(places))


def control(places: Places, verb: str, name: str) -> None:
    """Start, stop or restart a service and wait until it is so; ValueError says why not."""
    reply = request(places, verb, name)
    if reply is None:
        raise ValueError(f"no supervisor runs for {places.root}")
    if "error" in reply:
        raise ValueError(reply["error"])
    settle(places, name, verb)


def settle(places: Places, name: str, verb: str) -> None:
    """Wait until a service is running, or after `stop` is not."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        states = {row["name"]: row["state"] for row in status(places)}
        if states.get(name) in ((None, "stopped") if verb == "stop" else ("running",)):
            return
        time.sleep(0.02)
    raise ValueError(f"{name} did not {verb} within {SETTLE_SECONDS:.0f} s; see {places.log(name)}")


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser("wherry-supervise", description="Keep services running where systemd does not.")
    words.add_argument("--root", type=Path, default=Path("/"))
    verbs = words.add_subparsers(dest="verb", required=True)
    verbs.add_parser("run", help="supervise until SIGTERM")
    verbs.add_parser("status", help="print what runs, as JSON")
    verbs.add_parser("reload", help="read the services' files again")
    for verb in ("start", "stop", "restart", "remove", "is-active"):
        verbs.add_parser(verb).add_argument("name")
    install = verbs.add_parser("install", help="install a service and start it")
    install.add_argument("name")
    install.add_argument("--env", action="append", default=[], metavar="KEY=VALUE")
    install.add_argument("--after", action="append", default=[])
    install.add_argument("--stop-seconds", type=float, default=10.0)
    install.add_argument("--kill", choices=("group", "process"), default="group")
    install.add_argument("argv", nargs="+")
    return words


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit code is 0, 1 with a sentence, 3 for `is-active` when it is not (as systemctl's)."""
    words = parser().parse_args(argv)
    places = Places(words.root.absolute())
    try:
        if words.verb == "run":
            Supervisor(places).run()
        elif words.verb == "status":
            print(json.dumps(status(places), indent=1))
        elif words.verb == "is-active":
            return 0 if is_active(places, words.name) else 3
        elif words.verb == "reload":
            request(places, "reload")
        elif words.verb == "remove":
            remove_service(places, words.name)
        elif words.verb == "install":
            env = dict(pair.split("=", 1) for pair in words.env)
            fields = (words.name, tuple(words.argv), env, tuple(words.after), words.stop_seconds, words.kill)
            install_service(places, Service(*fields))
        else:
            control(places, words.verb, words.name)
    except ValueError as error:
        print(f"wherry-supervise: {error}")
        return 1
    return 0
