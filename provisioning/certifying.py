"""A node's certificates: its requests go through the API as CertificateSigningRequests, approved by who joins it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping

from kube import times
from kube.client import Client
from kube.errors import ApiError
from kube.kinds import known
from provisioning.joining import Certificates

REQUEST = known("certificates.k8s.io/v1", "CertificateSigningRequest")
SIGN_SECONDS = 60.0

# request -> signer and what the certificate may be used for
KINDS = {
    "node": ("kubernetes.io/kube-apiserver-client-kubelet", "client auth"),
    "serving": ("kubernetes.io/kubelet-serving", "server auth"),
}


class NotSigned(Exception):
    """The cluster refused a request, or did not answer in time; the text says which."""


async def certify(client: Client, name: str, requests: Mapping[str, str]) -> Certificates:
    """Signs both requests of a node (PEM, by the names of KINDS)."""
    signed = await asyncio.gather(*(_sign(client, name, kind, requests[kind]) for kind in KINDS))
    return Certificates(*signed)


async def _sign(client: Client, name: str, kind: str, pem: str) -> bytes:
    signer, usage = KINDS[kind]
    digest = hashlib.sha256(pem.encode()).hexdigest()[:8]
    full_name = f"{name}-{kind}-{digest}"
    body = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": full_name},
        "spec": {
            "request": base64.b64encode(pem.encode()).decode(),
            "signerName": signer,
            "usages": ["digital signature", usage],
        },
    }
    try:
        await client.create(REQUEST, "", body)
    except ApiError as error:
        if error.reason != "AlreadyExists":
            raise
    try:
        await _approve(client, full_name)
        return await _await_certificate(client, full_name)
    finally:
        await client.delete(REQUEST, "", full_name)


async def _approve(client: Client, name: str) -> None:
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "JoinedByMaster",
        "message": "approved by master join",
        "lastUpdateTime": times.now(),
    }
    await client.patch(REQUEST, "", name, {"status": {"conditions": [condition]}}, subresource="approval")


async def _await_certificate(client: Client, name: str) -> bytes:
    try:
        async with asyncio.timeout(SIGN_SECONDS):
            while True:
                status = (await client.get(REQUEST, "", name)).get("status") or {}
                if status.get("certificate"):
                    return base64.b64decode(status["certificate"])
                for condition in status.get("conditions") or ():
                    if condition["type"] in ("Denied", "Failed"):
                        raise NotSigned(f"request {name} was refused: {condition.get('message', condition['type'])}")
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise NotSigned(f"request {name} was not signed in {SIGN_SECONDS:.0f} s; do the controllers run?") from error
