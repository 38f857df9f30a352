"""Files on a card's file systems without mounting them: FAT by mtools, ext4 by debugfs."""

from __future__ import annotations

import filecmp
import os
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from provisioning.flashing.partitions import partitions
from provisioning.flashing.pieces import CHUNK, FlashError

EXT4_MAGIC, EXT4_MAGIC_AT = b"\x53\xef", 1024 + 56


@dataclass(frozen=True, slots=True)
class File:
    """Content of a file, a large one to copy, or the target of a symbolic link; the mode counts on ext4 only."""

    content: bytes = b""
    mode: int = 0o644
    link: str = ""
    copy_of: Path | None = None


Files = dict[PurePosixPath, File]


@dataclass(frozen=True, slots=True)
class Fat:
    """A FAT file system inside a device."""

    device: str
    offset: int

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        done = self._run(("mtype", *self._image, f"::{path}"))
        return done.stdout if done.returncode == 0 else None

    def write(self, files: Files) -> None:
        """Write files over what is there; folders must be there."""
        for path, file in files.items():
            done = self._run(("mcopy", "-o", *self._image, "-", f"::{path}"), file.content)
            if done.returncode or self.read(str(path)) != file.content:
                raise FlashError(f"{self.device}: cannot write {path} to its boot partition: {said(done)}")

    @property
    def _image(self) -> tuple[str, ...]:
        return ("-i", f"{self.device}@@{self.offset}")

    def _run(self, command: Sequence[str], content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"MTOOLS_SKIP_CHECK": "1", "MTOOLS_FAT_COMPATIBILITY": "1"}
        return subprocess.run(command, input=content, capture_output=True, env=environment, check=False)


@dataclass(frozen=True, slots=True)
class Ext4:
    """An ext4 file system inside a device."""

    device: str
    offset: int

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        done = self._run("-R", f"dump {path} /dev/stdout")
        return None if b"not found" in done.stderr else done.stdout

    def write(self, files: Files) -> None:
        """Write files owned by root, over what is there; missing folders are made (0755, `.ssh` 0700)."""
        with tempfile.TemporaryDirectory() as folder:
            commands = [line for path in sorted(parents(files)) for line in folder_commands(path)]
            for number, (path, file) in enumerate(files.items()):
                draft = file.copy_of or Path(folder) / str(number)
                if file.copy_of is None:
                    draft.write_bytes(file.content)
                commands += file_commands(path, file, draft)
            script = Path(folder) / "script"
            script.write_text("\n".join(commands) + "\n")
            done = self._run("-w", "-f", str(script))
        for path, file in files.items():
            if not self._holds(path, file):
                raise FlashError(f"{self.device}: cannot write {path} to its root file system: {said(done)}")

    def _holds(self, path: PurePosixPath, file: File) -> bool:
        """Whether a file was written whole; of a large one it is read back in parts."""
        if file.link:
            return True
        if file.copy_of is None:
            return self.read(str(path)) == file.content
        with tempfile.NamedTemporaryFile() as back:
            self._run("-R", f"dump {path} {back.name}")
            return filecmp.cmp(file.copy_of, back.name, shallow=False)

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        place = f"{self.device}?offset={self.offset}"
        return subprocess.run(("/usr/sbin/debugfs", *words, place), capture_output=True, check=False)


def parents(files: Files) -> set[PurePosixPath]:
    """Every folder above the files, the root left out."""
    return {folder for path in files for folder in path.parents if folder.name}


def folder_commands(path: PurePosixPath) -> list[str]:
    """debugfs complains of a folder that is there, and leaves it as it is; only private ones get another mode."""
    made = [f"mkdir {path}"]
    return [*made, f"sif {path} mode 0{stat.S_IFDIR | 0o700:o}"] if path.name == ".ssh" else made


def file_commands(path: PurePosixPath, file: File, draft: Path) -> list[str]:
    if file.link:
        return [f"rm {path}", f"symlink {path} {file.link}"]
    owner = [f"sif {path} {field} 0" for field in ("uid", "gid")]
    return [f"rm {path}", f"write {draft} {path}", f"sif {path} mode 0{stat.S_IFREG | file.mode:o}", *owner]


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line of what a tool said."""
    lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def boot_and_root(device: str, head: bytes) -> tuple[Fat | None, Ext4 | None]:
    """The card's first FAT and first ext4 file system; `head` are its first bytes, which are not on it yet."""
    fat, ext4 = None, None
    with Path(device).open("rb") as file:
        for row in partitions(head[:CHUNK]):
            file.seek(row.offset)
            begin = file.read(2048)
            if ext4 is None and begin[EXT4_MAGIC_AT : EXT4_MAGIC_AT + 2] == EXT4_MAGIC:
                ext4 = Ext4(device, row.offset)
            elif fat is None and is_fat(begin):
                fat = Fat(device, row.offset)
    return fat, ext4


def is_fat(begin: bytes) -> bool:
    return begin[510:512] == b"\x55\xaa" and (begin[54:57] == b"FAT" or begin[82:85] == b"FAT")
