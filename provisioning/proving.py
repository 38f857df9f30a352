"""Who a machine is: whose word decides about the host key that it shows.

The record of its enrolment; else the fingerprint that the operator gives; else the operator, who compares a short code
with the machine's console.  Until one of them accepts, nothing is sent to the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from kube.layout import Layout
from master.discovery.browsing import Seen
from probes.boards import fingerprint, short_code
from provisioning.enrolments import Enrolled
from provisioning.transport import HostKeyError, LinkError, Login, shown_key

Accept = Callable[[str], None]
"""Gets the host key line that a machine proved to hold; raises LinkError unless it is the right one."""
Ask = Callable[[str], str]
"""Gets a question, gives what the operator types; None in its place where there is nobody to ask."""

UNPROVEN = (
    "it is not proven: give its host key with --host-key (on its console: ssh-keygen -lf "
    "/etc/ssh/ssh_host_ed25519_key.pub), or run this in a terminal to compare a code"
)


def master_login(layout: Layout) -> Login:
    """The master's own key, which flashed boards and virtual nodes let in until they have joined."""
    return Login("root", (layout.state / "ssh/id_ed25519",))


def acceptor(enrolled: Enrolled | None, given: str, ask: Ask | None, now: datetime) -> Accept:
    """Who decides, by what is known: `given` is the operator's --host-key."""
    if enrolled is not None and not enrolled.expired(now):
        return same_key(enrolled.host_key)
    if given:
        return same_fingerprint(given)
    if enrolled is not None:
        return refuse(f"its enrolment expired on {enrolled.expires}; {UNPROVEN}")
    return same_code(ask) if ask else refuse(UNPROVEN)


def same_key(expected: str) -> Accept:
    """Accepts the recorded key and nothing else."""

    def accept(shown: str) -> None:
        if shown.split()[:2] != expected.split()[:2]:
            raise HostKeyError(
                "it shows another host key than the one recorded for it; either someone else answers in its place, "
                "or it was set up anew: enrol it again before joining"
            )

    return accept


def same_fingerprint(given: str) -> Accept:
    def accept(shown: str) -> None:
        if fingerprint(shown) != given:
            raise HostKeyError(f"it shows the host key {fingerprint(shown)}, not {given}; this is another machine")

    return accept


def same_code(ask: Ask) -> Accept:
    """The code is never shown: only who sees the console can know it."""

    def accept(shown: str) -> None:
        typed = ask("it is not proven; type the code that its console shows by `agent code`")
        if typed.strip().upper() != short_code(shown):
            raise HostKeyError(
                "the code is another, so this is not the machine whose console you see; nothing was sent to it"
            )

    return accept


def refuse(sentence: str) -> Accept:
    def accept(_shown: str) -> None:
        raise LinkError(sentence)

    return accept


def standing(seen: Seen, enrolled: Enrolled | None, now: datetime) -> str:
    """What an announced key is to us: proven when a handshake shows the recorded one, conflict when it shows another."""
    if enrolled is None or (enrolled.expired(now) and not seen.said.cluster):
        return "unproven"
    if seen.said.key != fingerprint(enrolled.host_key):
        return "conflict"
    try:
        shown = shown_key(seen.addresses[0], seen.said.ssh_port)
    except (LinkError, IndexError):
        return "unproven"
    return "proven" if shown.split()[:2] == enrolled.host_key.split()[:2] else "conflict"
