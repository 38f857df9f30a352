"""First-boot settings in the forms that images understand, and on real file systems in files."""

from __future__ import annotations

import json
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import yaml

from provisioning.flashing.filesystems import Ext4, Fat, File, boot_and_root
from provisioning.flashing.forms import cloud_init, cmdline, custom_toml, debian, form_of, raspberry, settle
from provisioning.flashing.partitions import Partition, partitions
from provisioning.flashing.pieces import CHUNK, FlashError
from provisioning.flashing.settings import Identity, Network, Settings, Wifi, make_identity, names

MIB = 1 << 20
SECRET = b"-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"
PLAIN = Settings("pi-1", Identity(SECRET, "ssh-ed25519 AAAA root@pi-1"), ("ssh-ed25519 BBBB me",), "Europe/Berlin")
WIFI = replace(PLAIN, wifi=Wifi('an "odd" net', "correct horse", "DE"))


def text(files: dict[PurePosixPath, File], name: str) -> str:
    return files[PurePosixPath(name)].content.decode()


def test_cloud_init_keeps_the_boards_own_key_and_name() -> None:
    card = cloud_init(replace(WIFI, network=Network("10.0.0.7/24", "10.0.0.1")))
    user = yaml.safe_load(text(card.fat, "user-data"))
    assert (user["hostname"], user["ssh_deletekeys"], user["timezone"]) == ("pi-1", False, "Europe/Berlin")
    network = yaml.safe_load(text(card.fat, "network-config"))
    assert network["ethernets"]["cable"]["addresses"] == ["10.0.0.7/24"]
    assert network["wifis"]["wlan0"]["access-points"] == {'an "odd" net': {"password": "correct horse"}}
    assert json.loads(text(card.fat, "meta-data"))["local-hostname"] == "pi-1"


def test_custom_toml_is_toml() -> None:
    table = tomllib.loads(text(custom_toml(WIFI).fat, "custom.toml"))
    assert table["system"] == {"hostname": "pi-1"}
    assert table["wlan"] == {"ssid": 'an "odd" net', "password": "correct horse", "country": "DE"}


def test_the_older_form_of_a_raspberry_pi() -> None:
    card = raspberry(WIFI)
    assert PurePosixPath("ssh") in card.fat
    assert '  psk="correct horse"\n' in text(card.fat, "wpa_supplicant.conf")


def test_a_plain_debian_has_no_file_for_wifi() -> None:
    with pytest.raises(FlashError, match="--wifi"):
        debian(WIFI)


@pytest.mark.parametrize("form", [cloud_init, custom_toml, raspberry, debian])
def test_no_secret_of_the_board_lies_on_fat(form) -> None:  # type: ignore[no-untyped-def]
    card = form(PLAIN)
    assert not any(SECRET in file.content for file in card.fat.values())
    key = card.ext4[PurePosixPath("/var/lib/wherry/card/ssh_host_ed25519_key")]
    assert (key.content, key.mode) == (SECRET, 0o600)


def test_the_memory_cgroup_on_the_one_line() -> None:
    once = cmdline(b"console=tty1 root=PARTUUID=x rootwait\n")
    assert once == b"console=tty1 root=PARTUUID=x rootwait cgroup_enable=memory cgroup_memory=1\n"
    assert cmdline(once) == once


def test_names_leave_out_what_is_taken() -> None:
    assert names("pi-{n}", 2, frozenset({"pi-1", "pi-3"})) == ["pi-2", "pi-4"]
    assert names("kitchen", 1, frozenset()) == ["kitchen"]


@pytest.mark.parametrize(
    ("template", "count", "says"),
    [("pi", 2, "need 2 names"), ("Pi_{n}", 1, "is no host name"), ("node-1", 1, "known to this cluster")],
)
def test_names_that_cannot_be(template: str, count: int, says: str) -> None:
    with pytest.raises(FlashError, match=says):
        names(template, count, frozenset({"node-1"}))


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A small card as a plain Debian's: a FAT with cmdline.txt, an ext4 with the files that a form is known by."""
    path, tree = tmp_path / "card", tmp_path / "tree"
    for name, content in {"etc/debian_version": "12.1\n", "etc/hostname": "debian\n"}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content)
    with path.open("wb") as file:
        file.truncate(24 * MIB)
    table = "label: dos\nstart=2048, size=8192, type=c\nstart=10240, type=83\n"
    run(["/usr/sbin/sfdisk", "--quiet", str(path)], table.encode())
    run(["mformat", "-i", f"{path}@@{MIB}", "-T", "8192", "-h", "64", "-s", "32", "::"])
    run(["mcopy", "-i", f"{path}@@{MIB}", "-", "::cmdline.txt"], b"root=/dev/mmcblk0p2\n")
    size = (24 * MIB - 5 * MIB) // 4096
    run(
        [
            "/usr/sbin/mke2fs",
            "-q",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-d",
            str(tree),
            "-E",
            f"offset={5 * MIB}",
            str(path),
            str(size),
        ]
    )
    return path


def run(command: list[str], content: bytes = b"") -> None:
    subprocess.run(
        command, input=content, check=True, capture_output=True, env={"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin"}
    )


def found(card: Path) -> tuple[Fat | None, Ext4 | None]:
    with card.open("rb") as file:
        return boot_and_root(str(card), file.read(CHUNK))


def test_settings_reach_both_file_systems(card: Path, tmp_path: Path) -> None:
    assert partitions(card.read_bytes()[:512]) == [Partition(1, MIB, 4 * MIB), Partition(2, 5 * MIB, 19 * MIB)]
    fat, ext4 = found(card)
    assert fat and ext4
    assert form_of(fat, ext4) is debian
    settle(fat, ext4, replace(PLAIN, network=Network("10.0.0.7/24", "10.0.0.1")))
    assert ext4.read("/etc/hostname") == b"pi-1\n"
    assert b"Address=10.0.0.7/24" in (ext4.read("/etc/systemd/network/10-wherry.network") or b"")
    assert (fat.read("cmdline.txt") or b"").endswith(b"cgroup_memory=1\n")
    done = subprocess.run(
        ["/usr/sbin/debugfs", "-R", "stat /var/lib/wherry/card/ssh_host_ed25519_key", f"{card}?offset={5 * MIB}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Mode:  0600" in done.stdout and "User:     0" in done.stdout
    check = subprocess.run(["/usr/sbin/e2fsck", "-fn", f"{card}?offset={5 * MIB}"], capture_output=True, check=False)
    assert check.returncode == 0, check.stdout


def test_an_image_without_a_root_takes_no_settings(tmp_path: Path) -> None:
    blank = tmp_path / "blank"
    blank.write_bytes(bytes(CHUNK))
    with pytest.raises(FlashError, match="--plain"):
        settle(*found(blank), PLAIN)


def test_a_fresh_identity_is_a_pair_that_ssh_knows(tmp_path: Path) -> None:
    identity = make_identity("pi-1")
    key = tmp_path / "key"
    key.write_bytes(identity.private)
    key.chmod(0o600)
    done = subprocess.run(["ssh-keygen", "-y", "-f", str(key)], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == identity.public.split()[:2]
