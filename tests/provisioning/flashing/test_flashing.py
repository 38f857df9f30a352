"""Images onto file-backed devices: compressed or not, whole or damaged, read back and finished last."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from provisioning.flashing.cards import Card
from provisioning.flashing.flashing import Job, Phase, flash
from provisioning.flashing.pieces import CHUNK, Data, FlashError
from provisioning.flashing.sources import open_source

IMAGE = b"head" * 1000 + bytes(CHUNK) + os.urandom(CHUNK // 2) + bytes(3 * CHUNK) + b"tail" * 1024
Make = Callable[[Path], None]


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("disk.img", IMAGE)


FORMS: dict[str, Make] = {
    "disk.img": lambda path: path.write_bytes(IMAGE) and None,
    "disk.img.xz": lambda path: path.write_bytes(lzma.compress(IMAGE, preset=0)) and None,
    "disk.img.gz": lambda path: path.write_bytes(gzip.compress(IMAGE, 1)) and None,
    "disk.img.zst": lambda path: path.write_bytes(zstandard.compress(IMAGE)) and None,
    "disk.zip": zipped,
}


def device(tmp_path: Path, size: int = len(IMAGE) + CHUNK, name: str = "card") -> Path:
    """A card that held something else before."""
    path = tmp_path / name
    path.write_bytes(b"\xff" * size)
    return path


def written(image: Path, *cards: Path, checksum: str = "", halt: threading.Event | None = None) -> list[Job]:
    jobs = [Job(str(card)) for card in cards]
    flash(open_source(str(image), checksum), jobs, halt or threading.Event())
    return jobs


@pytest.mark.parametrize("name", FORMS)
def test_an_image_is_on_every_card_in_the_end(tmp_path: Path, name: str) -> None:
    image = tmp_path / name
    FORMS[name](image)
    cards = [device(tmp_path, name=f"card{number}") for number in range(2)]
    checksum = f"sha256:{hashlib.sha256(image.read_bytes()).hexdigest()}"
    jobs = written(image, *cards, checksum=checksum)
    assert [(job.phase, job.problem) for job in jobs] == [(Phase.DONE, "")] * 2
    for card in cards:
        assert card.read_bytes()[: len(IMAGE)] == IMAGE


def test_the_holes_of_a_sparse_image_are_zeros_on_the_card(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.write(b"x" * 4096)
        file.truncate(4 * CHUNK)
        file.seek(3 * CHUNK)
        file.write(b"y" * 4096)
    card = device(tmp_path)
    assert written(image, card)[0].phase is Phase.DONE
    assert card.read_bytes()[: 4 * CHUNK] == image.read_bytes()


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("disk.img", "disk.zip")])
def test_an_image_that_is_cut_off_leaves_a_card_that_does_not_boot(tmp_path: Path, name: str) -> None:
    image, card = tmp_path / name, device(tmp_path)
    FORMS[name](image)
    image.write_bytes(image.read_bytes()[: -len(image.read_bytes()) // 3])
    (job,) = written(image, card)
    assert job.phase is Phase.FAILED and "damaged or cut off" in job.problem
    assert card.read_bytes()[:512] == bytes(512)


def test_another_image_than_the_one_meant(tmp_path: Path) -> None:
    image, card = tmp_path / "disk.img", device(tmp_path)
    image.write_bytes(IMAGE)
    (job,) = written(image, card, checksum="0" * 64)
    assert job.phase is Phase.FAILED and "not the image that was meant" in job.problem
    assert card.read_bytes()[:512] == bytes(512)


def test_an_interrupted_card_does_not_boot_and_says_so(tmp_path: Path) -> None:
    image, card, halt = tmp_path / "disk.img", device(tmp_path), threading.Event()
    image.write_bytes(IMAGE)
    halt.set()
    (job,) = written(image, card, halt=halt)
    assert job.phase is Phase.FAILED and "interrupted" in job.problem
    assert card.read_bytes()[:512] == bytes(512)


def test_a_card_that_answers_with_other_bytes_is_found(tmp_path: Path) -> None:
    path = device(tmp_path)
    with Card(str(path)) as card:
        card.put(Data(0, b"a" * CHUNK))
        card.put(Data(CHUNK, b"b" * CHUNK))
        card.flush()
        with path.open("r+b") as file:
            file.seek(CHUNK)
            file.write(b"!")
            file.flush()
            os.fsync(file.fileno())
        with pytest.raises(FlashError, match="counterfeit"):
            card.read_back(lambda done: None)


@pytest.mark.parametrize(
    ("where", "checksum", "says"),
    [
        ("/nowhere/disk.img", "", "no such image file"),
        ("https://example.org/disk.img.xz", "", "needs --checksum"),
        ("https://example.org/disk.zip", "0" * 64, "download it first"),
        ("/nowhere/disk.img", "md5:00", "is no checksum"),
    ],
)
def test_images_that_are_refused_before_anything_is_written(where: str, checksum: str, says: str) -> None:
    with pytest.raises(FlashError, match=says):
        open_source(where, checksum)
