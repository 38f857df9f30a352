"""Certificate signing requests: approved, signed and patched through their subresources."""

import base64
from datetime import UTC, datetime

import pytest

from kube.certificates import Subject, issue, make_ca, make_csr, make_key

PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
MERGE = "application/merge-patch+json"


@pytest.fixture
async def request_(api):
    text = base64.b64encode(make_csr(make_key(), Subject("e2e"))).decode()
    spec = {"request": text, "signerName": "example.com/e2e", "usages": ["digital signature", "server auth"]}
    body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "r"}}
    return await api.create(PATH, body | {"spec": spec})


def condition(kind):
    return {"type": kind, "status": "True", "reason": "E2E", "message": "said"}


async def patch(api, part, status):
    return await api.ask("PATCH", f"{PATH}/r/{part}", {"status": status}, MERGE)


async def test_conditions_are_dated(api, request_):
    status, answer, _ = await patch(api, "approval", {"conditions": [condition("Mine")]})
    (found,) = answer["status"]["conditions"]
    assert (status, bool(found["lastUpdateTime"]), bool(found["lastTransitionTime"])) == (200, True, True)


async def test_an_approval_stays(api, request_):
    assert (await patch(api, "approval", {"conditions": [condition("Approved")]}))[0] == 200
    status, answer, _ = await patch(api, "approval", {"conditions": [condition("Other")]})
    assert status == 422
    assert 'updates may not remove a condition of type "Approved"' in answer["message"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"junk\n", "must contain one or more PEM blocks"), (b"-----BEGIN X-----\nAA==\n-----END X-----\n", "only CERT")],
)
async def test_what_is_no_certificate(api, request_, content, said):
    status, answer, _ = await patch(api, "status", {"certificate": base64.b64encode(content).decode()})
    assert (status, said in answer["message"]) == (422, True)


async def test_a_certificate_is_written_once(api, request_):
    now = datetime.now(UTC)
    first, second = (
        issue(make_ca(name, now), Subject("e2e"), now, server=True, client=False).certificate for name in "ab"
    )
    assert (await patch(api, "status", {"certificate": base64.b64encode(first).decode()}))[0] == 200
    assert (await patch(api, "status", {"certificate": base64.b64encode(second).decode()}))[0] == 422
