"""OCI images as one tar: sorted, owned by root, every time zero, layers uncompressed, so that the same contents are the same
bytes on every machine (a compressor's output changes with its version).

Layout: `oci-layout`, `index.json`, `blobs/sha256/DIGEST`; containerd takes an image's name from the annotation
`io.containerd.image.name` of its entry in the index.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"
NAME = "io.containerd.image.name"
EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file (content), a symbolic link (link) or, with neither, a directory."""

    mode: int = 0o755
    content: bytes | None = None
    link: str = ""
    hardlink: bool = False


Layer = Mapping[str, Entry]
"""Path without a leading slash → entry."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An image before it is laid out; `settings` is the config's own part (Entrypoint, Cmd, Env, ...)."""

    name: str
    architecture: str
    layers: tuple[Layer, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


def build_archive(images: Iterable[ImageSource]) -> bytes:
    """One archive of all images; layers they share are in it once."""
    blobs: dict[str, bytes] = {}
    entries = [_lay_out(image, blobs) for image in sorted(images, key=lambda image: image.name)]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    files = {f"blobs/sha256/{digest}": Entry(0o644, blob) for digest, blob in blobs.items()}
    files["index.json"] = Entry(0o644, _json(index))
    files["oci-layout"] = Entry(0o644, _json({"imageLayoutVersion": "1.0.0"}))
    return tar(files)


def tar(files: Layer) -> bytes:
    """A tar whose bytes depend on nothing but `files`; directories above a file are made when they are not given."""
    whole = {**_parents(files), **files}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(whole):
            archive.addfile(*_member(path, whole[path]))
    return stream.getvalue()


def list_images(archive: bytes) -> list[tuple[str, str, str]]:
    """(name, digest, architecture) of every image in an archive; ValueError when it is none."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        index = json.loads(_read(opened, "index.json"))
        found = []
        for entry in index["manifests"]:
            name = entry.get("annotations", {}).get(NAME, "")
            found.append((name, entry["digest"], entry.get("platform", {}).get("architecture", "")))
    return found


def _lay_out(image: ImageSource, blobs: dict[str, bytes]) -> dict[str, Any]:
    """Put the image's blobs beside the others; its entry in the index."""
    layers = [_blob(tar(layer), LAYER, blobs) for layer in image.layers]
    config = {
        "architecture": image.architecture,
        "os": "linux",
        "created": EPOCH,
        "config": dict(image.settings),
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "history": [{"created": EPOCH, "created_by": "wherry"} for _ in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(_json(config), CONFIG, blobs),
        "layers": layers,
    }
    entry = _blob(_json(manifest), MANIFEST, blobs)
    entry["annotations"] = {NAME: image.name, "org.opencontainers.image.ref.name": image.name.rpartition(":")[2]}
    entry["platform"] = {"architecture": image.architecture, "os": "linux"}
    return entry


def _blob(content: bytes, media_type: str, blobs: dict[str, bytes]) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    blobs[digest] = content
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _parents(files: Layer) -> dict[str, Entry]:
    found = {}
    for path in files:
        above = path.rpartition("/")[0]
        while above:
            found[above] = Entry()
            above = above.rpartition("/")[0]
    return found


def _member(path: str, entry: Entry) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    info = tarfile.TarInfo(path)
    info.mode = entry.mode
    if entry.link:
        info.type = tarfile.LNKTYPE if entry.hardlink else tarfile.SYMTYPE
        info.linkname, info.mode = entry.link, 0o777
        return info, None
    if entry.content is None:
        info.type = tarfile.DIRTYPE
        return info, None
    info.size = len(entry.content)
    return info, io.BytesIO(entry.content)


def _read(archive: tarfile.TarFile, path: str) -> bytes:
    try:
        member = archive.extractfile(path)
    except KeyError:
        member = None
    if member is None:
        raise ValueError(f"this archive has no {path}: it is not an OCI image archive")
    return member.read()


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
