"""Facts of a machine from pasted files."""

import pytest

from probes.boards import application_id, board, fingerprint, memory_total, model


@pytest.mark.parametrize(
    ("device_tree", "product", "found"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4\0", "", "Raspberry Pi 4 Model B Rev 1.4"),
        ("", "NUC11PAHi5\n", "NUC11PAHi5"),
        ("", "", "virtual"),
    ],
)
def test_model(device_tree, product, found):
    assert model(device_tree, product) == found


def test_memory():
    assert memory_total("MemTotal:        3884376 kB\nMemFree: 1 kB\n") == 3884376 * 1024
    assert memory_total("") == 0


def test_the_public_id_hides_the_machine_id():
    machine_id = "0123456789abcdef0123456789abcdef"
    assert len(application_id(machine_id)) == 32 and machine_id not in application_id(machine_id)
    assert application_id("uninitialized") == ""


def test_fingerprint_is_what_ssh_keygen_prints():
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl comment"
    assert fingerprint(key) == "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    assert fingerprint("nonsense") == ""


def test_a_machine_without_any_of_the_files(tmp_path):
    assert board(tmp_path).memory == 0
