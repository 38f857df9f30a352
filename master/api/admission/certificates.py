"""Certificates: who approves or signs a request needs the right on its signer, and nobody asks to be a master.

CertificateApproval, CertificateSigning and CertificateSubjectRestriction of upstream, and who it is that asks.
"""

from __future__ import annotations

import base64
import binascii

from kube.certificates import read_csr
from kube.kinds import kind_of
from master.api.admission.plugin import Plugin, refusal
from master.api.authz.rbac import MASTERS
from master.api.contract import Attributes, Authorizer, Object, RequestInfo, UserInfo

GROUP = "certificates.k8s.io"
REQUEST = kind_of({"apiVersion": f"{GROUP}/v1", "kind": "CertificateSigningRequest"})
CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"
VERBS = {"approval": "approve", "status": "sign"}


class Certificates(Plugin):
    name = "Certificates"
    kinds = frozenset({REQUEST})

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def mutate(self, attributes: Attributes) -> None:
        """Who asks is the server's to say: approvers decide by it.  What was asked never changes."""
        new = attributes.object
        if attributes.kind is not REQUEST or new is None:
            return
        if attributes.operation == "CREATE":
            _set_requester(new.setdefault("spec", {}), attributes.user)
        elif attributes.old is not None:
            new["spec"] = attributes.old["spec"]

    async def validate(self, attributes: Attributes) -> None:
        new = attributes.object
        if attributes.kind is not REQUEST or new is None:
            return
        if attributes.operation == "CREATE":
            _check_subject(attributes, new)
        elif attributes.subresource in VERBS and _needs_right(attributes):
            self._check_signer(attributes, VERBS[attributes.subresource], (attributes.old or new)["spec"]["signerName"])

    def _check_signer(self, attributes: Attributes, verb: str, signer: str) -> None:
        domain = signer.partition("/")[0]
        for name in (signer, f"{domain}/*"):
            asked = RequestInfo(verb, "", True, GROUP, "*", "signers", "", "", name)
            if self._authorizer.authorize(attributes.user, asked).allowed:
                return
        raise refusal(attributes, f'user not permitted to {verb} requests with signerName "{signer}"')


def _set_requester(spec: Object, user: UserInfo) -> None:
    who = {
        "username": user.name,
        "uid": user.uid,
        "groups": list(user.groups),
        "extra": {key: list(values) for key, values in user.extra.items()},
    }
    for field, value in who.items():
        spec.pop(field, None)
        if value:
            spec[field] = value


def _needs_right(attributes: Attributes) -> bool:
    """Approving always; of the status only its certificate is the signer's."""
    if attributes.subresource == "approval":
        return True
    new, old = (attributes.object or {}).get("status") or {}, (attributes.old or {}).get("status") or {}
    return new.get("certificate") != old.get("certificate")


def _check_subject(attributes: Attributes, new: Object) -> None:
    spec = new.get("spec") or {}
    if spec.get("signerName") != CLIENT_SIGNER:
        return
    try:
        subject = read_csr(base64.b64decode(spec.get("request", "")))
    except (ValueError, binascii.Error):
        return  # Validation has the words for it.
    if MASTERS in subject.organizations:
        said = f"use of {CLIENT_SIGNER} signer with {MASTERS} group is not allowed"
        raise refusal(attributes, said)
