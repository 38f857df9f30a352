"""The forms of first-boot settings that images understand: which one an image is of, and what that puts on the card.

| form | known by | what it reads |
|---|---|---|
| cloud-init | `user-data` on FAT (Ubuntu; Raspberry Pi OS since November 2025) | user-data, meta-data, network-config |
| custom.toml | raspberrypi-sys-mods' `init_config` on ext4 (Raspberry Pi OS bookworm) | custom.toml |
| raspberry | `cmdline.txt` and raspberrypi-sys-mods without it (older) | an empty `ssh`, wpa_supplicant.conf |
| debian | `/etc/debian_version` | files of systemd on ext4 |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from provisioning.flashing.filesystems import Ext4, Fat, File, Files
from provisioning.flashing.firstboot import UNITS, networkd, root_files
from provisioning.flashing.pieces import FlashError
from provisioning.flashing.settings import Settings

CGROUPS = ("cgroup_enable=memory", "cgroup_memory=1")
SYS_MODS = "/usr/lib/raspberrypi-sys-mods"


@dataclass(frozen=True, slots=True)
class Card:
    """The files to write, by file system."""

    fat: Files
    ext4: Files


def cloud_init(settings: Settings) -> Card:
    """https://docs.cloud-init.io, data source NoCloud.  JSON is YAML, and quotes every word safely."""
    user = {
        "hostname": settings.name,
        "ssh_deletekeys": False,
        "ssh_genkeytypes": [],
        "disable_root": False,
        **({"timezone": settings.timezone} if settings.timezone else {}),
        "users": [{"name": "root", "lock_passwd": True, "ssh_authorized_keys": list(settings.keys)}],
    }
    fat = {
        "user-data": f"#cloud-config\n{json.dumps(user, indent=1)}\n",
        "meta-data": json.dumps({"instance-id": f"wherry-{settings.name}", "local-hostname": settings.name}) + "\n",
    }
    if network := netplan(settings):
        fat["network-config"] = json.dumps(network, indent=1) + "\n"
    return Card({PurePosixPath(name): File(text.encode()) for name, text in fat.items()}, root_files(settings))


def netplan(settings: Settings) -> dict[str, object]:
    """Network configuration of version 2; empty where the image's own will do."""
    found: dict[str, object] = {}
    if settings.network:
        routes = [{"to": "default", "via": settings.network.gateway}] if settings.network.gateway else []
        cable = {"match": {"name": "e*"}, "addresses": [settings.network.address], "routes": routes}
        found["ethernets"] = {"cable": cable}
    if settings.wifi:
        point = {settings.wifi.ssid: {"password": settings.wifi.password}}
        domain = {"regulatory-domain": settings.wifi.country} if settings.wifi.country else {}
        found["wifis"] = {"wlan0": {"dhcp4": True, "access-points": point, **domain}}
    return {"version": 2, **found} if found else {}


def custom_toml(settings: Settings) -> Card:
    """Raspberry Pi OS bookworm: read once and removed at the first boot."""
    tables = [f"config_version = 1\n[system]\nhostname = {json.dumps(settings.name)}\n[ssh]\nenabled = true\n"]
    if settings.wifi:
        rows = {"ssid": settings.wifi.ssid, "password": settings.wifi.password, "country": settings.wifi.country}
        tables.append("[wlan]\n" + "".join(f"{key} = {json.dumps(text)}\n" for key, text in rows.items() if text))
    if settings.timezone:
        tables.append(f"[locale]\ntimezone = {json.dumps(settings.timezone)}\n")
    return Card({PurePosixPath("custom.toml"): File("".join(tables).encode())}, with_address(settings))


def raspberry(settings: Settings) -> Card:
    """Raspberry Pi OS before bookworm: empty files and wpa_supplicant.conf, which the first boot moves off the FAT."""
    fat = {PurePosixPath("ssh"): File(b"\n")}
    if settings.wifi:
        country = f"country={settings.wifi.country}\n" if settings.wifi.country else ""
        name = settings.wifi.ssid.encode().hex()  # unquoted, it is taken as hexadecimal: any bytes can be said so
        block = f'network={{\n  ssid={name}\n  psk="{settings.wifi.password}"\n}}\n'
        text = f"ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\n{country}{block}"
        fat[PurePosixPath("wpa_supplicant.conf")] = File(text.encode())
    return Card(fat, with_address(settings))


def debian(settings: Settings) -> Card:
    """A plain Debian: nothing but systemd's own files."""
    if settings.wifi:
        raise FlashError("--wifi: a plain Debian image has no file for it; use an image with cloud-init")
    return Card({}, with_address(settings))


def with_address(settings: Settings) -> Files:
    """The files of the root, a fixed address by systemd-networkd among them."""
    files = root_files(settings)
    if settings.network:
        files[PurePosixPath("/etc/systemd/network/10-wherry.network")] = File(networkd(settings.network).encode())
        service = "systemd-networkd.service"
        files[UNITS / "multi-user.target.wants" / service] = File(link=f"/lib/systemd/system/{service}")
    return files


def form_of(fat: Fat | None, ext4: Ext4 | None) -> Callable[[Settings], Card]:
    """The form that an image understands.  FlashError where it is none of ours."""
    if ext4 is None:
        raise FlashError(
            "the image has no ext4 root, so it takes no first-boot settings: give --plain to write it as it is"
        )
    if fat and fat.read("user-data") is not None:
        return cloud_init
    if ext4.read(f"{SYS_MODS}/init_config") is not None:
        return custom_toml
    if fat and ext4.read(f"{SYS_MODS}/imager_custom") is not None:
        return raspberry
    if ext4.read("/etc/debian_version") is not None:
        return debian
    raise FlashError("the image is neither Debian nor made of it, so it takes no first-boot settings: give --plain")


def settle(fat: Fat | None, ext4: Ext4 | None, settings: Settings) -> None:
    """Put the settings on a card."""
    card = form_of(fat, ext4)(settings)
    assert ext4 is not None
    ext4.write(card.ext4)
    if fat:
        line = fat.read("cmdline.txt")
        with_cgroups = {PurePosixPath("cmdline.txt"): File(cmdline(line))} if line is not None else {}
        fat.write(card.fat | with_cgroups)


def cmdline(line: bytes) -> bytes:
    """The kernel's command line, one line, with the memory cgroup switched on."""
    words = line.decode(errors="replace").split()
    return " ".join([*words, *(word for word in CGROUPS if word not in words)]).encode() + b"\n"
