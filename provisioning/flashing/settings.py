"""What a card tells its board: who it is, who may come in, and the key that the master will know it by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from provisioning.flashing.pieces import FlashError

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
ZONES = Path("/usr/share/zoneinfo")


@dataclass(frozen=True, slots=True)
class Identity:
    """A board's own key pair: the private half in OpenSSH's form, the public half as a line of authorized_keys."""

    private: bytes
    public: str


@dataclass(frozen=True, slots=True)
class Wifi:
    ssid: str
    password: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """A fixed address, such as 10.0.0.7/24; where there is none, the board asks by DHCP."""

    address: str
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Programs:
    """The agent's programs for the card: `version` names the content of the .tar.gz."""

    version: str
    archive: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """One card's; `keys` are let in as root."""

    name: str
    identity: Identity
    keys: tuple[str, ...] = ()
    timezone: str = ""
    wifi: Wifi | None = None
    network: Network | None = None
    programs: Programs | None = None


def make_identity(name: str) -> Identity:
    """A fresh ed25519 pair."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return Identity(private, f"{public.decode()} root@{name}")


def names(template: str, count: int, taken: frozenset[str]) -> list[str]:
    """So many host names; {n} is the next number whose name is free.  FlashError where the template makes none."""
    numbered = "{n}" in template
    if not numbered and count > 1:
        raise FlashError(f"{count} devices need {count} names: write {{n}} in the template, as in pi-{{n}}")
    candidates = (template.replace("{n}", str(number)) for number in range(1, len(taken) + count + 1))
    found = [name for name in candidates if name not in taken][:count] if numbered else [template]
    for name in found:
        if not NAME.fullmatch(name):
            raise FlashError(f"{name!r} is no host name: a-z, 0-9 and -, 63 letters at most")
        if name in taken:
            raise FlashError(f"{name} is known to this cluster already: give another name, or take it out first")
    return found


def check_zone(name: str) -> None:
    """FlashError unless it is a time zone's name."""
    if name and not (ZONE.fullmatch(name) and (not ZONES.is_dir() or (ZONES / name).is_file())):
        raise FlashError(f"{name!r} is no time zone: write one such as Europe/Berlin")
