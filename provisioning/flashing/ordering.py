"""From what the operator asks for to the settings of each card, and the record of what was made."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from kube.client import Client
from kube.kinds import known
from kube.layout import Layout
from probes.boards import fingerprint
from provisioning import enrolments
from provisioning.flashing.devices import device_at, refusal
from provisioning.flashing.flashing import Job, Phase
from provisioning.flashing.pieces import FlashError
from provisioning.flashing.settings import Network, Programs, Settings, Wifi, check_zone, make_identity, names
from provisioning.flashing.sources import Source
from provisioning.programs import programs
from provisioning.virtual.nodes import master_key
from provisioning.virtual.records import Enrolment

NODE = known("v1", "Node")


@dataclass(frozen=True, slots=True)
class Order:
    """What all cards of one call have in common; `keys` are lines of authorized_keys."""

    template: str
    keys: tuple[str, ...] = ()
    wifi: Wifi | None = None
    timezone: str = ""
    network: Network | None = None


def refuse(devices: Sequence[str], source: Source, max_size: int, force: bool) -> None:
    """FlashError, before anything is written, where one of the devices must not be."""
    said = [refusal(path, device_at(path), source.size, max_size, force) for path in devices]
    real = [Path(path).resolve() for path in devices]
    if len(set(real)) < len(real):
        said.append("a device is named twice")
    if any(said):
        raise FlashError("; ".join(filter(None, said)))


def fixed(address: str, gateway: str, count: int) -> Network | None:
    """The fixed address; FlashError where it is none, or cannot be everybody's."""
    if not address:
        return None
    if count > 1:
        raise FlashError("--address is one board's: flash one device at a time")
    try:
        interface = ipaddress.ip_interface(address)
        router = str(ipaddress.ip_address(gateway)) if gateway else ""
    except ValueError as error:
        raise FlashError(f"--address, --gateway: {error}") from error
    return Network(interface.with_prefixlen, router)


def wireless(ssid: str, country: str, password: Callable[[], str]) -> Wifi | None:
    """FlashError where a radio would not take it (IEEE 802.11: 32 bytes of name; WPA: 8 to 63 letters)."""
    if not ssid:
        return None
    secret = password()
    if len(ssid.encode()) > 32 or not ssid.isprintable():
        raise FlashError("--wifi: the name of a network has 32 bytes at most, and no control characters")
    if not (8 <= len(secret) <= 63 and secret.isascii() and secret.isprintable()):
        raise FlashError("the password of a Wi-Fi has 8 to 63 letters of ASCII")
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise FlashError("--wifi-country: two letters, such as DE")
    return Wifi(ssid, secret, country.upper())


def public_keys(paths: Sequence[Path]) -> tuple[str, ...]:
    """The lines of public key files; FlashError for what is none, a private key above all."""
    found = []
    for path in paths:
        line = path.read_text(errors="replace").strip()
        if "\n" in line or not fingerprint(line):
            raise FlashError(f"{path} is no public key: give the file that ends in .pub")
        found.append(line)
    return tuple(found)


async def cards(layout: Layout, order: Order, count: int) -> list[Settings]:
    """A name, a fresh key pair and the programs for each card.  FlashError where there is no cluster to record them."""
    check_zone(order.timezone)
    if not layout.admin_conf.exists():
        raise FlashError(f"no cluster at {layout.root} to record the boards' keys: run `master up`, or give --plain")
    try:
        async with Client.from_kubeconfig(layout.admin_conf) as client:
            nodes, _ = await client.list(NODE)
            taken = {str(node["metadata"]["name"]) for node in nodes} | set(await enrolments.read(client))
    except aiohttp.ClientError as error:
        raise FlashError(
            f"the API cannot be reached to record the boards' keys: {error}; does the master run?"
        ) from error
    chosen = names(order.template, count, frozenset(taken))
    made = await asyncio.to_thread(programs, layout.state / "programs")
    keys = (master_key(layout).with_suffix(".pub").read_text().strip(), *order.keys)
    carried = Programs(made.version, made.archive)
    return [
        Settings(name, make_identity(name), keys, order.timezone, order.wifi, order.network, carried) for name in chosen
    ]


async def enrol(layout: Layout, jobs: Sequence[Job]) -> None:
    """Record the keys of the cards that were finished."""
    done = [job.settings for job in jobs if job.phase is Phase.DONE and job.settings]
    if done:
        rows = [Enrolment(row.name, " ".join(row.identity.public.split()[:2])) for row in done]
        async with Client.from_kubeconfig(layout.admin_conf) as client:
            await enrolments.record(client, rows)
