"""A service as a unit and as a file of our supervisor."""

from __future__ import annotations

import pytest

from provisioning.services import quote, render_unit, under_supervisor, under_systemd
from provisioning.supervising.services import Service, parse_service

AGENT = Service("wherry-agent", ("/opt/wherry/bin/agent", "run"), {"LANG": "C.UTF-8"}, ("containerd",), 15.0)

UNIT = """\
[Unit]
Description=The agent
After=network-online.target containerd.service
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/wherry/bin/agent run
Environment=LANG=C.UTF-8
Restart=always
RestartSec=0.5
TimeoutStopSec=15
KillMode=control-group
Delegate=yes
LimitNOFILE=1048576
TasksMax=infinity

[Install]
WantedBy=multi-user.target
"""


def test_the_unit() -> None:
    assert render_unit(AGENT, "The agent") == UNIT


def test_both_forms_name_their_file_and_commands() -> None:
    unit, file = under_systemd(AGENT), under_supervisor(AGENT)
    assert str(unit.path) == "/etc/systemd/system/wherry-agent.service"
    assert unit.begin[-1] == ("systemctl", "enable", "--now", "wherry-agent.service")
    assert str(file.path) == "/etc/wherry/services/wherry-agent.toml"
    assert parse_service("wherry-agent", file.content) == AGENT


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("/usr/bin/x", "/usr/bin/x"),
        ("", '""'),
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("$HOME", "$$HOME"),
        ('say "hi"', '"say \\"hi\\""'),
        ("a;b", '"a;b"'),
    ],
)
def test_words_are_quoted_for_systemd(word: str, quoted: str) -> None:
    assert quote(word) == quoted


def test_a_dollar_in_the_environment_stays_one() -> None:
    assert quote("KEY=a$b", in_command=False) == "KEY=a$b"
