"""Which requests for certificates are approved and signed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from kube import certificates
from kube.certificates import Subject
from master.controllers.signing import API_CLIENT, CLIENT, SERVING, approval, days_of, expired, read_subject, refusal

NODE = Subject("system:node:a", ("system:nodes",))
CLIENT_USAGES = ["digital signature", "client auth"]
SERVER_USAGES = ["digital signature", "server auth"]


def csr(signer: str = CLIENT, usages: list[str] | None = None, user: str = "system:node:a", **spec) -> dict:
    body = {"signerName": signer, "usages": usages or CLIENT_USAGES, "username": user, **spec}
    return {"metadata": {"name": "c", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": body}


@pytest.mark.parametrize(
    ("request_", "subject", "refused"),
    [
        (csr(), NODE, ""),
        (csr(), Subject("system:node:a", ("system:masters",)), "organization"),
        (csr(), Subject("admin", ("system:nodes",)), "common name"),
        (csr(), Subject("system:node:", ("system:nodes",)), "common name"),
        (csr(usages=SERVER_USAGES), NODE, "usages"),
        (csr(), Subject("system:node:a", ("system:nodes",), ("a",)), "no names"),
        (csr(SERVING, SERVER_USAGES), NODE, "needs a name"),
        (csr(SERVING, SERVER_USAGES), Subject("system:node:a", ("system:nodes",), ("a",)), ""),
        (csr(API_CLIENT), Subject("jane", ("devs",)), ""),
        (csr(API_CLIENT, SERVER_USAGES), Subject("jane", ("devs",)), "usages"),
    ],
)
def test_what_a_signer_refuses(request_, subject, refused):
    said = refusal(request_, subject)
    assert said == "" if not refused else refused in said


@pytest.mark.parametrize(
    ("request_", "names", "approved"),
    [
        (csr(), (), True),
        (csr(user="system:bootstrap:abc"), (), False),
        (csr(user="system:node:b"), (), False),
        (csr(SERVING, SERVER_USAGES), ("a", "10.0.0.1"), True),
        (csr(SERVING, SERVER_USAGES), ("a", "10.0.0.2"), False),
        (csr(SERVING, SERVER_USAGES, user="admin"), ("a",), False),
    ],
    ids=["renews", "stranger", "another", "own-names", "foreign-name", "not-itself"],
)
def test_what_needs_no_person(request_, names, approved):
    subject = Subject("system:node:a", ("system:nodes",), names)
    assert bool(approval(request_, subject, frozenset(("a", "10.0.0.1")))) is approved


@pytest.mark.parametrize(("asked", "days"), [(None, 365), (600, 1), (86400 * 30, 30), (86400 * 9999, 365)])
def test_how_long(asked, days):
    assert days_of(csr(expirationSeconds=asked)) == days


def test_old_requests_are_cleaned_away():
    later = datetime(2026, 1, 1, 2, tzinfo=UTC)
    answered = csr() | {"status": {"conditions": [{"type": "Approved", "status": "True"}]}}
    assert expired(answered, later) == 0
    assert expired(csr(), later) == 22 * 3600


def test_what_is_no_request_is_a_value_error():
    made = certificates.make_csr(certificates.make_key(), NODE)
    assert read_subject(csr(request=base64.b64encode(made).decode())) == NODE
    for wrong in ("!", base64.b64encode(b"no").decode()):
        with pytest.raises(ValueError):
            read_subject(csr(request=wrong))
