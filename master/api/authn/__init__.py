"""Authentication: who is calling?  One file a kind of credential.

Belongs here: certificates, the tokens of service accounts, bootstrap tokens, the static token file, impersonation, issuing
tokens, and the reviews that ask who somebody is.  Does not: what they may do (authz).

Reading order: union; x509, jwt, service_accounts, issuing; bootstrap_tokens, static_tokens; impersonation, reviews.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kube.layout import Layout
from master.api.authn.bootstrap_tokens import BootstrapTokens
from master.api.authn.impersonation import impersonate
from master.api.authn.issuing import TokenIssuer
from master.api.authn.jwt import Signer, Verifier
from master.api.authn.reviews import TokenReviews, self_subject_review
from master.api.authn.service_accounts import ServiceAccountTokens
from master.api.authn.static_tokens import read_static_tokens
from master.api.authn.union import ANONYMOUS, Union, anonymous
from master.api.authn.x509 import CertificateAuthenticator
from master.api.contract import Authenticator, Credentials, UserInfo
from master.api.sources import Fresh

__all__ = ["ANONYMOUS", "Authentication", "anonymous", "build", "impersonate", "self_subject_review"]


@dataclass(frozen=True, slots=True)
class Authentication:
    """The authenticator of the API server, with what issues and reviews tokens."""

    union: Union
    issuer: TokenIssuer
    reviews: TokenReviews

    async def authenticate(self, credentials: Credentials) -> UserInfo | None:
        return await self.union.authenticate(credentials)


def build(layout: Layout, reader: Fresh, token_file: str = "") -> Authentication:
    """From the PKI that `kube.pki.ensure_master_pki` has made; `token_file` is [api] token_file of master.toml."""
    public = [(layout.pki / "sa.pub").read_bytes()]
    signer, verifier = Signer((layout.pki / "sa.key").read_bytes()), Verifier(public)
    accounts = ServiceAccountTokens(verifier, reader)
    authenticators: list[Authenticator] = [CertificateAuthenticator(reader)]
    if token_file:
        authenticators.append(read_static_tokens(Path(token_file)))
    authenticators += [accounts, BootstrapTokens(reader)]
    union = Union(authenticators)
    return Authentication(union, TokenIssuer(signer, verifier, reader), TokenReviews(union, accounts))
