"""The list of Debian packages and what is missing of it."""

from __future__ import annotations

from pathlib import Path

from provisioning import packages


def test_the_table_and_the_file_of_set_up_are_the_same() -> None:
    text = (Path(__file__).parents[2] / "packaging/debian-packages.txt").read_text()
    assert packages.parse_list(text) == packages.SCOPES


def test_what_is_missing() -> None:
    answer = "runc installed\nipset not-installed\nkmod config-files\n"
    assert packages.missing(("runc", "ipset", "kmod", "containerd"), answer) == ["ipset", "kmod", "containerd"]
