"""Secrets with an account's token: whose they are, and what they lack."""

from __future__ import annotations

import base64

import pytest

from master.controllers import accounttokens

ACCOUNT = {"metadata": {"name": "a", "namespace": "ns", "uid": "u"}}


def secret(uid: str | None = None, **data: str) -> dict:
    notes = {accounttokens.ACCOUNT_NAME: "a"} | ({accounttokens.ACCOUNT_UID: uid} if uid else {})
    encoded = {name.replace("_", "."): base64.b64encode(value.encode()).decode() for name, value in data.items()}
    return {"metadata": {"name": "s", "namespace": "ns", "annotations": notes}, "data": encoded}


@pytest.mark.parametrize(("uid", "expected"), [(None, True), ("u", True), ("older", False)])
def test_whose_it_is(uid, expected):
    assert accounttokens.is_of(secret(uid), ACCOUNT) is expected


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (secret(), {"ca.crt", "namespace"}),
        (secret(ca_crt="old", namespace="ns"), {"ca.crt"}),
        (secret(ca_crt="the ca", namespace="ns"), set()),
    ],
    ids=["empty", "another-authority", "complete"],
)
def test_what_it_lacks(present, expected):
    assert set(accounttokens.missing(present, "the ca")) == expected
