"""What a virtual machine is made of and started with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.packages import NODE
from provisioning.vms.machines import MachineError, cable_batch, next_address
from provisioning.vms.qemu import accelerator, command, kvm_works
from provisioning.vms.recipe import Recipe, mmdebstrap, partition_table
from provisioning.vms.records import Record

RECORD = Record("vm-1", "10.99.0.101", "wh-1", "wv-1", "02:00:00:00:00:01", 512, 2, "ssh-ed25519 AAAA")


def test_another_recipe_has_another_key() -> None:
    assert Recipe().key == Recipe().key
    assert Recipe().key != replace(Recipe(), packages=("nano",)).key


def test_a_machine_needs_no_network_to_join() -> None:
    included = next(word for word in mmdebstrap(Recipe(), "/tmp/x") if word.startswith("--include="))
    assert set(NODE) <= set(included.removeprefix("--include=").split(","))


def test_the_root_begins_where_the_boot_partition_ends() -> None:
    assert partition_table(Recipe()).splitlines()[1:] == [
        "start=2048, size=131072, type=c, bootable",
        "start=133120, type=83",
    ]


def test_what_qemu_is_told() -> None:
    words = command(RECORD, Path("/m"), "root=LABEL=rootfs", accelerator(works=False))
    assert words[words.index("-accel") + 1].startswith("tcg")
    assert "tap,id=cable,ifname=wv-1,script=no,downscript=no" in words
    assert words[words.index("-m") + 1] == "512"


def test_a_machine_without_kvm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("provisioning.vms.qemu.KVM", tmp_path / "kvm")
    assert not kvm_works(b"")


def test_the_cable_of_a_machine() -> None:
    assert cable_batch(RECORD).splitlines()[1] == "link set wv-1 master wh-1"


def test_addresses_begin_behind_those_of_virtual_nodes() -> None:
    assert next_address("10.99.0.0/24", ["10.99.0.101"]) == "10.99.0.102"
    with pytest.raises(MachineError, match="no free address"):
        next_address("10.99.0.0/28", [])
