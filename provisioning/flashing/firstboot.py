"""What every card carries on its ext4 root: the board's key, who may come in, and a unit that runs once.

The unit waits for the image's own first steps, which make host keys anew, then puts the board's own in their place, and
unpacks the programs, so that the board announces itself.  Nothing here opens the cluster.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from provisioning.flashing.filesystems import File, Files
from provisioning.flashing.settings import Network, Settings
from provisioning.homes import Home
from provisioning.joining import UNPACK
from provisioning.services import under_systemd

CARD = PurePosixPath("/var/lib/wherry/card")
SCRIPT = PurePosixPath("/usr/local/lib/wherry/first-boot")
UNITS = PurePosixPath("/etc/systemd/system")
WANTS = UNITS / "multi-user.target.wants"
UNIT = "wherry-first-boot.service"

UNIT_TEXT = f"""\
[Unit]
Description=wherry: become the board that this card was made for
ConditionPathExists={CARD}
After=local-fs.target regenerate_ssh_host_keys.service sshd-keygen.service cloud-init.service
Before=ssh.service wherry-announce.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={SCRIPT}

[Install]
WantedBy=multi-user.target
"""

SCRIPT_TEXT = """\
#!/bin/sh
# Run once by systemd; what was done is removed from the card, so that an interrupted first boot is taken up again.
set -eu
card=/var/lib/wherry/card
rm -f /etc/ssh/ssh_host_*
install -m 600 "$card/ssh_host_ed25519_key" /etc/ssh/ssh_host_ed25519_key
install -m 644 "$card/ssh_host_ed25519_key.pub" /etc/ssh/ssh_host_ed25519_key.pub
hostname -F /etc/hostname
if [ -f "$card/programs.tar.gz" ]; then
    mkdir -p /opt/wherry
    sh -c "$(cat "$card/unpack")" sh "/opt/wherry/$(cat "$card/version")" < "$card/programs.tar.gz"
fi
sync
rm -rf "$card"
sync
"""


def root_files(settings: Settings) -> Files:
    """By path; everything that an image of any form gets."""
    home = Home()
    files = {
        PurePosixPath("/etc/hostname"): File(f"{settings.name}\n".encode()),
        PurePosixPath("/etc/hosts"): File(hosts(settings.name)),
        CARD / "ssh_host_ed25519_key": File(settings.identity.private, 0o600),
        CARD / "ssh_host_ed25519_key.pub": File(f"{settings.identity.public}\n".encode()),
        SCRIPT: File(SCRIPT_TEXT.encode(), 0o755),
        UNITS / UNIT: File(UNIT_TEXT.encode()),
        WANTS / UNIT: File(link=str(UNITS / UNIT)),
    }
    if settings.keys:
        keys = "".join(f"{key}\n" for key in settings.keys).encode()
        files[PurePosixPath("/root/.ssh/authorized_keys")] = File(keys, 0o600)
    if settings.timezone:
        files[PurePosixPath("/etc/timezone")] = File(f"{settings.timezone}\n".encode())
        files[PurePosixPath("/etc/localtime")] = File(link=f"/usr/share/zoneinfo/{settings.timezone}")
    if settings.programs:
        announcer = under_systemd(home.announcer_service, "wherry: say that this board is here")
        files |= {
            CARD / "programs.tar.gz": File(copy_of=settings.programs.archive),
            CARD / "version": File(f"{settings.programs.version}\n".encode()),
            CARD / "unpack": File(UNPACK.encode()),
            PurePosixPath(announcer.path): File(announcer.content.encode()),
            WANTS / announcer.path.name: File(link=str(announcer.path)),
        }
    return files


def hosts(name: str) -> bytes:
    return f"127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost ip6-loopback\n".encode()


def networkd(network: Network) -> str:
    """A fixed address by systemd-networkd, on the first cable."""
    gateway = f"Gateway={network.gateway}\nDNS={network.gateway}\n" if network.gateway else ""
    return f"[Match]\nName=en* eth*\n\n[Network]\nAddress={network.address}\n{gateway}"
