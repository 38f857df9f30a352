"""The commands that stay become a resident with plain words, once their settings are read."""

import pytest
from click.testing import CliRunner

from agent import commands, residents

SETTINGS = '[master]\nservers = ["https://192.0.2.1:6443"]\n'


class Became(Exception):
    """The process would be another program now."""


@pytest.fixture
def argv(monkeypatch):
    seen = []

    def execv(_program, words):
        seen.extend(words[1:])
        raise Became

    monkeypatch.setattr(residents.os, "execv", execv)
    return seen


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (commands.run, ["run", "{root}", "{root}/etc/wherry/agent.toml"]),
        (commands.dns, ["dns", "10.43.0.10", "cluster.local", "{root}/run/wherry/services.json"]),
        (commands.announce, ["announce", "{root}", "22"]),
    ],
    ids=["run", "dns", "announce"],
)
def test_a_command_becomes_its_resident(tmp_path, argv, command, words):
    settings = tmp_path / "etc/wherry/agent.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(SETTINGS)
    assert isinstance(CliRunner().invoke(command, ["--root", str(tmp_path)]).exception, Became)
    assert argv == ["-m", "agent.residents", *(word.format(root=tmp_path) for word in words)]
    assert words[0] in residents.RESIDENTS


def test_wrong_thresholds_are_said_before(tmp_path, argv):
    settings = tmp_path / "agent.toml"
    settings.write_text(SETTINGS + '[eviction.hard]\n"memory.free" = "1Gi"\n')
    done = CliRunner().invoke(commands.run, ["--config", str(settings)])
    assert done.exit_code == 1 and "no signal 'memory.free'" in done.output and not argv
