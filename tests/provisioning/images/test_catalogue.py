"""What our images hold."""

import pytest

from provisioning.images.archives import build_archive
from provisioning.images.catalogue import CATALOGUE, applets, images


def test_all_images_are_byte_identical_twice():
    assert build_archive(images()) == build_archive(images())


def test_names():
    assert [image.name for image in images()] == [f"wherry.local/{name}:1" for name in ("busybox", "pause", "web")]
    assert list(CATALOGUE) == ["busybox", "pause", "web"]


def test_busybox_has_its_applets_as_links():
    (image,) = images(["busybox"])
    (layer,) = image.layers
    assert layer["bin/sh"].link == layer["bin/httpd"].link == "busybox"
    assert layer["tmp"].mode == 0o1777


def test_web_is_a_layer_over_busybox():
    busybox, web = images(["busybox", "web"])
    assert web.layers[0] == busybox.layers[0]


def test_applets_are_read_from_the_binary():
    assert applets(b"\x7fELF..\0[\0[[\0ash\0wget\0\0more") == ["[", "[[", "ash", "wget"]


def test_a_binary_without_applets_is_refused():
    with pytest.raises(ValueError, match="no table of applets"):
        applets(b"\x7fELF")


def test_pause_for_another_board_needs_nothing_of_it():
    (image,) = images(["pause"], "arm64")
    assert (image.architecture, image.settings["Entrypoint"]) == ("arm64", ["/pause"])
