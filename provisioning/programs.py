"""wherry's own programs for a node: one archive of what `wherry[agent]` needs, made from the environment that runs this.

How it works.  The distributions that the agent needs are found by their metadata, their files by their records; our own
packages come from where they are imported from (a checkout or an installation).  Everything is compiled once, here, so that
a board need not; the archive is kept under the hash of what went into it.  On the node it is unpacked into a virtual
environment of its own, /opt/wherry/VERSION.
"""

from __future__ import annotations

import compileall
import gzip
import hashlib
import importlib
import importlib.metadata as metadata
import io
import py_compile
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OWN = ("kube", "probes", "agent")
NOT_NEEDED = {".pyi", ".pyx", ".pxd", ".c", ".h", ".pyc", ".md"}
COMPRESSION = 1


@dataclass(frozen=True, slots=True)
class Programs:
    """`version` names the content; `archive` is a .tar.gz of a site-packages folder."""

    version: str
    archive: Path


def programs(cache: Path) -> Programs:
    """The archive for machines like this one, made when it is not in `cache` yet; older ones there are removed."""
    distributions = closure("wherry", "agent")
    version = _version(distributions)
    archive = cache / f"agent-{version}.tar.gz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        for old in cache.glob("agent-*.tar.gz"):
            old.unlink()
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            site = Path(folder) / "site"
            _copy(distributions, site)
            _compile(site)
            draft = Path(folder) / "draft"
            draft.write_bytes(_pack(site))
            draft.rename(archive)
    return Programs(version, archive)


def closure(name: str, extra: str = "") -> list[metadata.Distribution]:
    """The distribution and everything it requires here, sorted by name."""
    from packaging.requirements import Requirement

    found: dict[str, metadata.Distribution] = {}
    waiting = [(name, extra)]
    seen = set(waiting)
    while waiting:
        wanted, chosen = waiting.pop()
        distribution = metadata.distribution(wanted)
        found[distribution.metadata["Name"].lower()] = distribution
        for text in distribution.requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": chosen}):
                continue
            for row in [(requirement.name, part) for part in requirement.extras or {""}]:
                if row not in seen:
                    seen.add(row)
                    waiting.append(row)
    return [found[key] for key in sorted(found)]


def _version(distributions: list[metadata.Distribution]) -> str:
    """The release, and a hash of every distribution's version and of our own files."""
    digest = hashlib.sha256()
    for distribution in distributions:
        digest.update(f"{distribution.metadata['Name']} {distribution.version}\n".encode())
    for name, path in _own_files():
        digest.update(name.encode() + b"\0" + path.read_bytes())
    return f"{metadata.version('wherry')}-{digest.hexdigest()[:12]}"


def _own_files() -> Iterator[tuple[str, Path]]:
    """Our packages' files: (path in site-packages, where it is)."""
    for package in OWN:
        folder = Path(str(importlib.import_module(package).__file__)).parent
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in NOT_NEEDED and "__pycache__" not in path.parts:
                yield f"{package}/{path.relative_to(folder)}", path


def _copy(distributions: list[metadata.Distribution], site: Path) -> None:
    for distribution in distributions:
        for file in distribution.files or ():
            own = distribution.metadata["Name"].lower() == "wherry" and file.name != "METADATA"
            if own or ".." in file.parts or file.suffix in NOT_NEEDED or "tests" in file.parts:
                continue
            _copy_file(Path(str(distribution.locate_file(file))), site / file)
    for name, path in _own_files():
        _copy_file(path, site / name)


def _copy_file(source: Path, target: Path) -> None:
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _compile(site: Path) -> None:
    """Byte code that is taken as it is, whatever the clock of the board says."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(site, quiet=2, invalidation_mode=mode, stripdir=str(site), workers=1)


def _pack(site: Path) -> bytes:
    """The same bytes for the same files."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(p for p in site.rglob("*") if p.is_file()):
            row = tarfile.TarInfo(str(path.relative_to(site)))
            row.size, row.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                tar.addfile(row, content)
    return gzip.compress(raw.getvalue(), COMPRESSION, mtime=0)
