"""The pause program: run where this machine can, looked at where it cannot."""

import os
import platform
import signal
import subprocess

import pytest

from provisioning.images.pause import MACHINES, pause_program


@pytest.mark.parametrize("architecture", MACHINES)
def test_is_a_small_static_elf(architecture):
    program = pause_program(architecture)
    assert program[:6] == b"\x7fELF\x02\x01"
    assert int.from_bytes(program[18:20], "little") == MACHINES[architecture].elf
    assert len(program) < 512


@pytest.mark.parametrize("architecture", MACHINES)
def test_is_reproducible(architecture):
    assert pause_program(architecture) == pause_program(architecture)


def test_another_architecture_is_refused_by_name():
    with pytest.raises(ValueError, match="no pause program for mips: only amd64, arm64"):
        pause_program("mips")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_waits_until_asked_to_end(tmp_path, number):
    file = tmp_path / "pause"
    file.write_bytes(pause_program({"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]))
    file.chmod(0o755)
    with subprocess.Popen([file]) as running:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(0.2)
        os.kill(running.pid, number)
        assert running.wait(5) == 0
