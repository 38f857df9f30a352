"""Client certificates: the verified peer's CN is the user, its O the groups.

How it works: TLS has already verified the chain, so a certificate is parsed once and remembered by its bytes; only its end
and the deny list are looked at again.  The deny list is the ConfigMap `kube-system/denied-certificates`: a key of its
data is the SHA-256 of a public key (hex), the value says why; a removed node's certificate stays out for good.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from kube.certificates import read_certificate
from kube.errors import unauthorized
from master.api.authn.union import with_authenticated
from master.api.contract import Credentials, Reader, UserInfo
from master.api.rows import CONFIG_MAP

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
DENIED = ("kube-system", "denied-certificates")
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Known:
    user: UserInfo
    not_after: float
    key_hash: str


class CertificateAuthenticator:
    def __init__(self, reader: Reader, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[bytes, Known] = {}

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        if credentials.certificate is None:
            return None
        known = self._known.get(credentials.certificate) or self._learn(credentials.certificate)
        if known.not_after < self._clock():
            raise unauthorized("the client certificate has expired")
        if known.key_hash in self._denied():
            raise unauthorized("the client certificate is on the cluster's deny list")
        return known.user if known.user.name else None

    def _learn(self, certificate: bytes) -> Known:
        try:
            facts = read_certificate(certificate)
        except ValueError as error:
            raise unauthorized(f"the client certificate cannot be read: {error}") from error
        extra = {CREDENTIAL_ID: ("X509SHA256=" + hashlib.sha256(certificate).hexdigest(),)}
        user = with_authenticated(UserInfo(facts.common_name, facts.organizations, extra=extra))
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        known = Known(user, facts.not_after.timestamp(), facts.key_hash)
        self._known[certificate] = known
        return known

    def _denied(self) -> dict[str, str]:
        found = self._reader.get(CONFIG_MAP, *DENIED)
        return (found.get("data") or {}) if found else {}
