"""Building the image of virtual machines, and keeping it: by content, for every cluster of this user.

No mount and no loop device: sfdisk writes the table into a file, mtools the FAT, mke2fs fills the root from a folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from provisioning.vms.recipe import ROOT_LABEL, Recipe, mmdebstrap, partition_table

TOOLS = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "sfdisk": "fdisk", "mcopy": "mtools", "mformat": "mtools"}
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BLOCK = 4096


class BuildError(Exception):
    """One sentence: why there is no image, and what to do."""


def cache() -> Path:
    """Where images are kept: $XDG_CACHE_HOME/wherry/images."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "wherry/images"


def ensure_image(recipe: Recipe, folder: Path, tell: Callable[[str], None]) -> Path:
    """The image of a recipe, built where it is not kept yet; images of this kind by former recipes are removed."""
    image = folder / recipe.file
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if image.exists():
            return image
        need({*TOOLS.values()}, TOOLS)
        tell(f"building the image {image.name}; this takes a minute or two, once")
        with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as place:
            draft = Path(place) / "image"
            build(recipe, Path(place) / "root", draft)
            draft.rename(image)
        for old in folder.glob(f"debian-{recipe.suite}-{recipe.architecture}-*.img"):
            if old != image:
                old.unlink()
    return image


def need(packages: set[str], tools: dict[str, str]) -> None:
    """BuildError unless the programs are installed."""
    missing = {package for tool, package in tools.items() if not shutil.which(tool, path=SEARCHED)}
    if missing & packages:
        raise BuildError(f"these Debian packages are missing: apt-get install {' '.join(sorted(missing))}")


def build(recipe: Recipe, root: Path, image: Path) -> None:
    """Make the image from nothing; needs root and Debian's archive."""
    run(mmdebstrap(recipe, str(root)))
    kernel, initrd = fill(recipe, root)
    with image.open("wb") as file:
        file.truncate(recipe.size)
    run(("sfdisk", "--quiet", str(image)), partition_table(recipe).encode())
    boot = f"{image}@@{recipe.gap}"
    geometry = ("-T", str(recipe.boot // 512), "-h", "255", "-s", "63")
    run(("mformat", "-i", boot, "-F", "-v", "bootfs", "-N", "1a2b3c4d", *geometry, "::"))
    for name, content in (("vmlinuz", kernel), ("initrd.img", initrd), ("cmdline.txt", recipe.cmdline.encode())):
        run(("mcopy", "-i", boot, "-", f"::{name}"), content)
    place = f"offset={recipe.root_offset},lazy_itable_init=1"
    blocks = (recipe.size - recipe.root_offset) // BLOCK
    label = ("-L", ROOT_LABEL, "-d", str(root))
    run(("mke2fs", "-q", "-t", "ext4", "-b", str(BLOCK), *label, "-E", place, str(image), str(blocks)))


def fill(recipe: Recipe, root: Path) -> tuple[bytes, bytes]:
    """The recipe's own files; kernel and initrd leave the root, since they lie on the FAT."""
    for name, text in recipe.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in recipe.removed:
        (root / name).unlink(missing_ok=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    taken = []
    for pattern in ("vmlinuz-*", "initrd.img-*"):
        (found,) = (root / "boot").glob(pattern)
        taken.append(found.read_bytes())
        found.unlink()
    return taken[0], taken[1]


def run(command: Sequence[str], content: bytes = b"") -> None:
    """A tool of the builder; BuildError carries its last words."""
    environment = os.environ | {"PATH": SEARCHED, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, input=content, capture_output=True, env=environment, check=False)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise BuildError(f"{command[0]} ended with {done.returncode}: {'; '.join(lines[-3:])}")
