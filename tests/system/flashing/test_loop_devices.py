"""Cards that are loop devices: written, refused by name, and found out when they have less room than they claim."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from provisioning.flashing.commands import flash as flash_command
from provisioning.flashing.flashing import Job, Phase, flash
from provisioning.flashing.pieces import CHUNK
from provisioning.flashing.sources import open_source

SIZE = 16 * CHUNK


def attached(undo: ExitStack, file: Path) -> str:
    done = subprocess.run(["losetup", "--find", "--show", str(file)], check=True, capture_output=True, text=True)
    undo.callback(subprocess.run, ["losetup", "--detach", done.stdout.strip()], check=True)
    return done.stdout.strip()


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def card(undo: ExitStack, tmp_path: Path) -> str:
    """A loop device with other things on it."""
    file = tmp_path / "card"
    file.write_bytes(os.urandom(SIZE))
    return attached(undo, file)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(os.urandom(2 * CHUNK) + bytes(5 * CHUNK) + os.urandom(CHUNK))
    return path


def test_an_image_on_a_block_device(card: str, image: Path) -> None:
    job = Job(card)
    flash(open_source(str(image)), [job], threading.Event())
    assert (job.phase, job.problem) == (Phase.DONE, "")
    assert Path(card).read_bytes()[: 8 * CHUNK] == image.read_bytes()


def asked(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(flash_command, [*words, "--plain"])
    return done.exit_code, done.output


def test_a_mounted_device_is_refused(undo: ExitStack, card: str, image: Path, tmp_path: Path) -> None:
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", card], check=True)
    place = tmp_path / "mounted"
    place.mkdir()
    subprocess.run(["mount", "-o", "ro", card, str(place)], check=True)
    undo.callback(subprocess.run, ["umount", str(place)], check=True)
    code, said = asked(str(image), card)
    assert code == 1 and f"{card} is mounted at {place}: unmount it first" in said
    assert Path(card).read_bytes()[1080:1082] == b"\x53\xef", "the file system's magic number is there still"


def test_the_disk_of_the_system_is_refused(image: Path) -> None:
    done = subprocess.run(["findmnt", "-no", "SOURCE", "/"], capture_output=True, text=True, check=True)
    code, said = asked(str(image), done.stdout.strip())
    assert code == 1 and done.stdout.strip() in said


def test_a_device_that_is_too_small_is_refused(undo: ExitStack, image: Path, tmp_path: Path) -> None:
    file = tmp_path / "small"
    file.write_bytes(bytes(2 * CHUNK))
    code, said = asked(str(image), attached(undo, file))
    assert code == 1 and "the image needs" in said


def test_a_compressed_image_that_does_not_fit_leaves_no_boot_sector(
    undo: ExitStack, image: Path, tmp_path: Path
) -> None:
    file = tmp_path / "small"
    file.write_bytes(b"\xff" * 2 * CHUNK)
    device = attached(undo, file)
    subprocess.run(["gzip", "-1", str(image)], check=True)
    code, said = asked(f"{image}.gz", device)
    assert code == 1 and device in said
    assert Path(device).read_bytes()[:512] == bytes(512)


def test_a_device_that_somebody_else_has_open_for_itself(card: str, image: Path) -> None:
    descriptor = os.open(card, os.O_RDWR | os.O_EXCL)
    try:
        code, said = asked(str(image), card)
    finally:
        os.close(descriptor)
    assert code == 1 and "in use" in said
