"""What may be written to: facts of lsblk, and every refusal by name."""

from __future__ import annotations

import json

import pytest

from provisioning.flashing.devices import Device, parse, refusal

GB = 10**9
LSBLK = json.dumps(
    {
        "blockdevices": [
            {
                "name": "sdb",
                "path": "/dev/sdb",
                "type": "disk",
                "size": 32 * GB,
                "model": "SD Reader ",
                "tran": "usb",
                "ro": False,
                "fstype": None,
                "label": None,
                "mountpoints": [None],
                "children": [
                    {
                        "name": "sdb1",
                        "path": "/dev/sdb1",
                        "type": "part",
                        "size": GB,
                        "model": None,
                        "tran": None,
                        "ro": False,
                        "fstype": "vfat",
                        "label": "bootfs",
                        "mountpoints": ["/media/bootfs"],
                    }
                ],
            }
        ]
    }
)


def test_what_lies_on_the_partitions_counts_as_the_devices() -> None:
    (device,) = parse(LSBLK)
    assert device == Device("/dev/sdb", 32 * GB, "disk", "SD Reader", "usb", False, ("bootfs",), ("/media/bootfs",))


CARD = Device("/dev/sdb", 32 * GB)


@pytest.mark.parametrize(
    ("device", "image", "says"),
    [
        pytest.param(None, 1, "no such device", id="none"),
        pytest.param(Device("/dev/sdb1", GB, "part"), 1, "name the whole device", id="partition"),
        pytest.param(Device("/dev/sda", GB, mounted=("/",)), 1, "that this system runs on", id="system"),
        pytest.param(Device("/dev/sda", GB, mounted=("[SWAP]",)), 1, "that this system runs on", id="swap"),
        pytest.param(Device("/dev/sdb", GB, mounted=("/media/x",)), 1, "mounted at /media/x", id="mounted"),
        pytest.param(Device("/dev/sdb", GB, read_only=True), 1, "write-protected", id="read only"),
        pytest.param(Device("/dev/sdb", 0), 1, "no medium", id="empty reader"),
        pytest.param(Device("/dev/sdb", 512 * GB), 1, "give --force", id="large"),
        pytest.param(CARD, 33 * GB, "the image needs", id="small"),
        pytest.param(CARD, 0, "", id="good, size of the image unknown"),
    ],
)
def test_refusals(device: Device | None, image: int, says: str) -> None:
    found = refusal("/dev/sdb", device, image, 256 * GB, force=False)
    assert says in found and bool(says) == bool(found)


def test_force_is_for_large_devices_only() -> None:
    assert not refusal("/dev/sdb", Device("/dev/sdb", 512 * GB), 1, 256 * GB, force=True)
    assert refusal("/dev/sda", Device("/dev/sda", GB, mounted=("/",)), 1, 256 * GB, force=True)
