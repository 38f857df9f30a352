"""An OCI archive depends on its contents alone."""

import io
import json
import tarfile

import pytest

from provisioning.images.archives import Entry, ImageSource, build_archive, list_images, tar

HELLO = ImageSource("wherry.local/hello:1", "arm64", ({"bin/hello": Entry(0o755, b"hi")},), {"Cmd": ["hello"]})
WORLD = ImageSource("wherry.local/world:2", "arm64", (*HELLO.layers, {"world": Entry(0o644, b"!")}), {})


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {info.name: info for info in opened}


def test_the_same_contents_are_the_same_bytes_in_any_order():
    assert build_archive([HELLO, WORLD]) == build_archive([WORLD, HELLO])


def test_an_archive_says_what_it_holds():
    names = [(name, architecture) for name, _, architecture in list_images(build_archive([HELLO, WORLD]))]
    assert names == [("wherry.local/hello:1", "arm64"), ("wherry.local/world:2", "arm64")]


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"no index\.json"):
        list_images(tar({"readme": Entry(0o644, b"")}))


def test_shared_layers_are_stored_once():
    together = [name for name in members(build_archive([HELLO, WORLD])) if name.startswith("blobs/sha256/")]
    assert len(together) == 2 + 2 + 2  # two layers, two configs, two manifests


def test_every_blob_is_named_by_its_digest_and_every_time_is_zero():
    import hashlib

    archive = build_archive([HELLO])
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for info in opened:
            assert (info.mtime, info.uid, info.gid, info.uname) == (0, 0, 0, "")
            if info.name.startswith("blobs/sha256/") and info.isfile():
                assert info.name.endswith(hashlib.sha256(opened.extractfile(info).read()).hexdigest())


def test_the_config_lists_the_layers_by_digest():
    with tarfile.open(fileobj=io.BytesIO(build_archive([HELLO]))) as opened:
        index = json.load(opened.extractfile("index.json"))
        manifest = json.load(opened.extractfile("blobs/sha256/" + index["manifests"][0]["digest"][7:]))
        config = json.load(opened.extractfile("blobs/sha256/" + manifest["config"]["digest"][7:]))
    assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["config"] == {"Cmd": ["hello"]}


@pytest.mark.parametrize(
    ("entry", "kind", "link"),
    [
        pytest.param(Entry(0o700), tarfile.DIRTYPE, "", id="directory"),
        pytest.param(Entry(link="bin/hello"), tarfile.SYMTYPE, "bin/hello", id="symbolic link"),
        pytest.param(Entry(0o600, b"x"), tarfile.REGTYPE, "", id="file"),
    ],
)
def test_kinds_of_entries(entry, kind, link):
    info = members(tar({"a/b": entry}))["a/b"]
    assert (info.type, info.linkname) == (kind, link)


def test_directories_above_a_file_are_made():
    assert list(members(tar({"a/b/c": Entry(0o644, b"")}))) == ["a", "a/b", "a/b/c"]
