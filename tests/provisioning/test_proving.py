"""Whose word decides about a host key, and what an announced one is to us."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probes.boards import fingerprint, short_code
from provisioning.enrolments import Enrolled
from provisioning.proving import acceptor
from provisioning.transport import LinkError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJZJhKaZWI6V5jQrJ/Tl3R2QFjQiS8cnsAudx1RxkFUT"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVBl6kYZk1xV9gPrj8T0M2Q0VxS7mXyHj0n1q3zq8aB"
LIVE = Enrolled("pi", KEY, "2030-01-31T00:00:00Z")
EXPIRED = Enrolled("pi", KEY, "2029-12-31T00:00:00Z")


@pytest.mark.parametrize(
    ("enrolled", "given", "typed"),
    [
        pytest.param(LIVE, "", None, id="enrolled"),
        pytest.param(None, fingerprint(KEY), None, id="fingerprint given"),
        pytest.param(EXPIRED, fingerprint(KEY), None, id="expired, fingerprint given"),
        pytest.param(None, "", short_code(KEY), id="code compared"),
        pytest.param(None, "", f" {short_code(KEY).lower()}\n", id="code in small letters"),
    ],
)
def test_the_right_key_is_accepted(enrolled: Enrolled | None, given: str, typed: str | None) -> None:
    accept = acceptor(enrolled, given, (lambda _question: typed) if typed else None, NOW)
    accept(f"{KEY} root@pi")


@pytest.mark.parametrize(
    ("enrolled", "given", "typed", "shown", "words"),
    [
        pytest.param(LIVE, "", None, OTHER, "another host key than the one recorded", id="changed key"),
        pytest.param(LIVE, fingerprint(OTHER), None, OTHER, "than the one recorded", id="the record counts first"),
        pytest.param(None, fingerprint(KEY), None, OTHER, "this is another machine", id="other fingerprint"),
        pytest.param(None, "", short_code(OTHER), KEY, "nothing was sent", id="other code"),
        pytest.param(None, "", "", KEY, "nothing was sent", id="no code"),
        pytest.param(None, "", None, KEY, "it is not proven", id="nobody to ask"),
        pytest.param(EXPIRED, "", None, KEY, "its enrolment expired on 2029-12-31", id="expired"),
    ],
)
def test_any_other_is_refused(enrolled: Enrolled | None, given: str, typed: str | None, shown: str, words: str) -> None:
    accept = acceptor(enrolled, given, (lambda _question: typed) if typed is not None else None, NOW)
    with pytest.raises(LinkError, match=words):
        accept(shown)


def test_the_question_does_not_give_the_code_away() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return short_code(KEY)

    acceptor(None, "", ask, NOW)(KEY)
    assert short_code(KEY) not in asked[0]
