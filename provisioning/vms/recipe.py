"""What the image of a virtual machine is made of: pure, and the name under which it is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from provisioning.packages import NODE

MIB = 1 << 20
SECTOR = 512
ROOT_LABEL = "rootfs"
SYSTEM = ("systemd-sysv", "udev", "dbus", "netbase", "ca-certificates", "e2fsprogs", "tzdata")
DROPPED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
QUIET = (
    "etc/systemd/system/multi-user.target.wants/containerd.service",  # joining runs one with settings of ours
    "etc/systemd/system/multi-user.target.wants/e2scrub_reap.service",
    "etc/systemd/system/timers.target.wants/apt-daily.timer",
    "etc/systemd/system/timers.target.wants/apt-daily-upgrade.timer",
    "etc/systemd/system/timers.target.wants/e2scrub_all.timer",
)
"""What a machine without a network of its own need not start."""
FILES = {
    "etc/fstab": f"LABEL={ROOT_LABEL} / ext4 rw,noatime,errors=remount-ro 0 1\n",
    "etc/hostname": "debian\n",
    "etc/machine-id": "",
}
INITRD_MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4")
CMDLINE = "root=LABEL=rootfs rw console=ttyS0 net.ifnames=0 quiet\n"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Sizes in bytes; the FAT begins after `gap`, the root file system fills the rest."""

    suite: str = "bookworm"
    architecture: str = "amd64"
    kernel: str = "linux-image-cloud-amd64"
    packages: tuple[str, ...] = (*NODE, *SYSTEM)
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))
    removed: tuple[str, ...] = QUIET
    modules: tuple[str, ...] = INITRD_MODULES
    cmdline: str = CMDLINE
    gap: int = 1 * MIB
    boot: int = 64 * MIB
    size: int = 2048 * MIB

    @property
    def root_offset(self) -> int:
        return self.gap + self.boot

    @property
    def key(self) -> str:
        """A name for what would be built: another recipe has another."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def file(self) -> str:
        return f"debian-{self.suite}-{self.architecture}-{self.key}.img"


def mmdebstrap(recipe: Recipe, folder: str) -> list[str]:
    """The command that fills `folder` with the root file system."""
    included = ",".join((recipe.kernel, *recipe.packages))
    modules = "".join(f"{name}\\n" for name in recipe.modules)
    before = (
        f'mkdir -p "$1/etc/initramfs-tools/conf.d"; printf "MODULES=list\\n" > "$1/etc/initramfs-tools/conf.d/wherry"; '
        f'printf "{modules}" > "$1/etc/initramfs-tools/modules"'
    )
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        "--mode=root",
        f"--architectures={recipe.architecture}",
        f"--include={included}",
        "--aptopt=Acquire::Languages { none; }",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in DROPPED),
        f"--essential-hook={before}",
        recipe.suite,
        folder,
    ]


def partition_table(recipe: Recipe) -> str:
    """What sfdisk is told: a FAT of boot files and an ext4 root, as on a Raspberry Pi's card."""
    first, second = recipe.gap // SECTOR, recipe.root_offset // SECTOR
    return f"label: dos\nstart={first}, size={recipe.boot // SECTOR}, type=c, bootable\nstart={second}, type=83\n"
