"""Certificates for nodes: requests that are a node's own are approved, and what is approved is signed by the cluster's CA.

`approval`, `refusal` and `expired` are pure.  A node may renew its client certificate and ask for a serving one with its
own names; a stranger's first request waits for a person, or for who may `create certificatesigningrequests/nodeclient`.
"""

from __future__ import annotations

import base64
import binascii
import math
from datetime import UTC, datetime

from kube import certificates, times
from kube.certificates import Subject
from master.controllers.context import NODE, Context
from master.controllers.loop import Loop
from master.controllers.objects import Key, Object, is_true, key_of, kind, set_condition

CSR = kind("certificates.k8s.io/v1", "CertificateSigningRequest")
REVIEW = kind("authorization.k8s.io/v1", "SubjectAccessReview")
CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
SERVING = "kubernetes.io/kubelet-serving"
API_CLIENT = "kubernetes.io/kube-apiserver-client"
NODES, NODE_PREFIX = "system:nodes", "system:node:"
CLIENT_USAGES = ({"key encipherment", "digital signature", "client auth"}, {"digital signature", "client auth"})
SERVING_USAGES = ({"key encipherment", "digital signature", "server auth"}, {"digital signature", "server auth"})
USAGES = {CLIENT: CLIENT_USAGES, SERVING: SERVING_USAGES}
LONGEST_DAYS = 365
ANSWERED_KEPT, PENDING_KEPT = 3600.0, 86400.0


def read_subject(csr: Object) -> Subject:
    """ValueError when the request is no CSR."""
    try:
        return certificates.read_csr(base64.b64decode(csr["spec"]["request"]))
    except binascii.Error as error:
        raise ValueError(f"request is not base64: {error}") from error


def refusal(csr: Object, subject: Subject) -> str:
    """Why the signer will not sign; empty when it will."""
    signer, usages = csr["spec"]["signerName"], set(csr["spec"].get("usages") or ())
    if signer == API_CLIENT:
        return "" if "client auth" in usages and "server auth" not in usages else "usages must be those of a client"
    if subject.organizations != (NODES,):
        return f"organization must be {NODES}"
    if not subject.common_name.startswith(NODE_PREFIX) or subject.common_name == NODE_PREFIX:
        return f"common name must be {NODE_PREFIX}NAME"
    if usages not in USAGES[signer]:
        return f"usages {sorted(usages)} do not fit the signer {signer}"
    if signer == CLIENT and subject.names:
        return "a client certificate has no names"
    if signer == SERVING and not subject.names:
        return "a serving certificate needs a name or an address"
    return ""


def approval(csr: Object, subject: Subject, names: frozenset[str]) -> str:
    """The message of an approval, empty when a person has to decide; `names` are the node's own, by its Node."""
    spec = csr["spec"]
    if refusal(csr, subject):
        return ""
    asks_for_itself = spec.get("username") == subject.common_name
    if spec["signerName"] == CLIENT and asks_for_itself:
        return "Auto approving self kubelet client certificate: a node renews its own."
    if spec["signerName"] == SERVING and asks_for_itself and set(subject.names) <= names:
        return "Auto approving kubelet serving certificate: all names are the node's own."
    return ""


def days_of(csr: Object) -> int:
    """How long the certificate is valid, in whole days: as asked, within bounds."""
    asked = csr["spec"].get("expirationSeconds")
    return min(LONGEST_DAYS, max(1, math.ceil(asked / 86400))) if asked else LONGEST_DAYS


def expired(csr: Object, now: datetime) -> float:
    """Seconds until the request is cleaned away: an hour after an answer, a day without one."""
    answered = bool((csr.get("status") or {}).get("conditions"))
    age = (now - times.parse(csr["metadata"]["creationTimestamp"])).total_seconds()
    return max(0.0, (ANSWERED_KEPT if answered else PENDING_KEPT) - age)


def review(csr: Object) -> Object:
    """Asks whether the requester may have node certificates without a person's look."""
    spec = csr["spec"]
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": spec.get("username", ""),
            "groups": spec.get("groups") or [],
            "extra": spec.get("extra") or {},
            "resourceAttributes": {
                "group": "certificates.k8s.io",
                "resource": "certificatesigningrequests",
                "subresource": "nodeclient",
                "verb": "create",
            },
        },
    }


def build(context: Context) -> Loop:
    return Signing(context).loop


class Signing:
    def __init__(self, context: Context) -> None:
        self._client, self._authority = context.client, context.authority
        self._requests = context.informer(CSR)
        self._nodes = context.informer(NODE)
        self.loop = Loop("csr-controller", self.reconcile, lambda: list(self._requests.store), period=3600, workers=1)
        self._requests.on_change(lambda _event, old, new: self.loop.add(key_of(new or old)))

    async def reconcile(self, key: Key) -> float | None:
        csr = self._requests.store.get(key)
        if csr is None:
            return None
        left = expired(csr, datetime.now(UTC))
        if not left:
            await self._client.delete(CSR, *key, uid=csr["metadata"]["uid"])
            return None
        open_ = not (csr.get("status") or {}).get("certificate") and not is_true(csr, "Failed")
        if open_ and csr["spec"]["signerName"] in (CLIENT, SERVING, API_CLIENT) and not is_true(csr, "Denied"):
            await self._advance(csr)
        return left

    async def _advance(self, csr: Object) -> None:
        try:
            subject = read_subject(csr)
        except ValueError as error:
            if is_true(csr, "Approved"):
                await self._fail(csr, str(error))
            return
        if is_true(csr, "Approved"):
            await self._sign(csr, refusal(csr, subject))
        elif message := await self._approval(csr, subject):
            await self._approve(csr, message)

    async def _approval(self, csr: Object, subject: Subject) -> str:
        if message := approval(csr, subject, self._names_of(subject)):
            return message
        if csr["spec"]["signerName"] != CLIENT or refusal(csr, subject) or self._node_of(subject):
            return ""
        answer = await self._client.create(REVIEW, "", review(csr))
        allowed = (answer.get("status") or {}).get("allowed")
        return "Auto approving kubelet client certificate after SubjectAccessReview." if allowed else ""

    def _node_of(self, subject: Subject) -> Object | None:
        node: Object | None = self._nodes.store.get(("", subject.common_name.removeprefix(NODE_PREFIX)))
        return node

    def _names_of(self, subject: Subject) -> frozenset[str]:
        node = self._node_of(subject)
        if node is None:
            return frozenset()
        addresses = (node.get("status") or {}).get("addresses") or ()
        return frozenset((node["metadata"]["name"], *(item["address"] for item in addresses)))

    async def _approve(self, csr: Object, message: str) -> None:
        said = {"type": "Approved", "status": "True", "reason": "AutoApproved", "message": message}
        await self._update(csr, said, "approval", {})

    async def _sign(self, csr: Object, refused: str) -> None:
        if refused:
            await self._fail(csr, refused)
        elif self._authority is not None:
            serving = csr["spec"]["signerName"] == SERVING
            request = base64.b64decode(csr["spec"]["request"])
            certificate = certificates.sign_csr(
                self._authority, request, datetime.now(UTC), server=serving, client=not serving, days=days_of(csr)
            )
            await self._update(csr, None, "status", {"certificate": base64.b64encode(certificate).decode()})

    async def _fail(self, csr: Object, why: str) -> None:
        said = {"type": "Failed", "status": "True", "reason": "SignerValidationFailure", "message": why}
        await self._update(csr, said, "status", {})

    async def _update(self, csr: Object, said: Object | None, subresource: str, extra: Object) -> None:
        """Written with the version that was read, so that two decisions never mix."""
        now = times.now()
        status = dict(csr.get("status") or {})
        if said is not None:
            said["lastUpdateTime"] = now
            status["conditions"] = set_condition(status.get("conditions") or [], said, now)
        await self._client.update(CSR, "", {**csr, "status": {**status, **extra}}, subresource=subresource)
