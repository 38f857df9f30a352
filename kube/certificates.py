"""X.509 as the cluster uses it: authorities, leaf certificates, signing requests; PEM in, PEM out, no files.

How it works: every key is ECDSA P-256 (made in a millisecond on a board).  A certificate begins at `BEGINNING`, long
before it was made, because a board without a clock believes to live in the past; it ends `days` after now, or after
`NOT_EARLIER` where the issuer's own clock is behind that.  `cryptography` is imported inside the functions: it weighs
9 MiB, and a process that only reads paths need not carry it.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
NOT_EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
CA_DAYS = 3650
LEAF_DAYS = 365


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, both PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a certificate speaks of: the user's name (CN), its groups (O), and for a server its names and addresses."""

    common_name: str
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says, as far as the cluster asks."""

    common_name: str
    organizations: tuple[str, ...]
    names: frozenset[str]
    serial: int
    not_after: datetime
    public_key: bytes

    @property
    def key_hash(self) -> str:
        """What deny lists name a key by: the SHA-256 of its public half, in hexadecimal."""
        return hashlib.sha256(self.public_key).hexdigest()


def make_key() -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(key: bytes) -> bytes:
    """The public half of a PEM key, PEM (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives import serialization

    return (
        _load_key(key)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def make_ca(common_name: str, now: datetime) -> Pair:
    """A self-signed authority."""
    key = make_key()
    name = _name(Subject(common_name))
    builder = _builder(name, name, _load_key(key).public_key(), _end(now, CA_DAYS))
    return Pair(_sign(_as_authority(builder), key), key)


def issue(ca: Pair, subject: Subject, now: datetime, *, server: bool, client: bool, days: int = LEAF_DAYS) -> Pair:
    """A new key and its certificate under `ca`."""
    key = make_key()
    return Pair(_leaf(ca, subject, _load_key(key).public_key(), _end(now, days), server=server, client=client), key)


def make_csr(key: bytes, subject: Subject) -> bytes:
    """A certificate signing request, PEM, proving possession of `key`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    builder = x509.CertificateSigningRequestBuilder().subject_name(_name(subject))
    if subject.names:
        builder = builder.add_extension(_alternative_names(subject.names), critical=False)
    return builder.sign(_load_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def read_csr(csr: bytes) -> Subject:
    """Who the request speaks of; ValueError when it is malformed or not signed by its own key."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        request = x509.load_pem_x509_csr(csr)
        if not request.is_signature_valid:
            raise ValueError("the request is not signed by its own key")
    except UnsupportedAlgorithm as error:
        raise ValueError(f"the request's algorithm is not supported: {error}") from error
    return Subject(_common_name(request.subject), _organizations(request.subject), tuple(_names_of(request.extensions)))


def sign_csr(ca: Pair, csr: bytes, now: datetime, *, server: bool, client: bool, days: int = LEAF_DAYS) -> bytes:
    """The certificate for a request that somebody approved; subject and names are taken from it as they are."""
    from cryptography import x509

    public = x509.load_pem_x509_csr(csr).public_key()
    return _leaf(ca, read_csr(csr), public, _end(now, days), server=server, client=client)


def read_certificate(data: bytes) -> Facts:
    """PEM or DER; ValueError when it is neither."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    pem = data.lstrip().startswith(b"-----")
    certificate = x509.load_pem_x509_certificate(data) if pem else x509.load_der_x509_certificate(data)
    return Facts(
        _common_name(certificate.subject),
        _organizations(certificate.subject),
        frozenset(_names_of(certificate.extensions)),
        certificate.serial_number,
        certificate.not_valid_after_utc,
        certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def is_issued_by(certificate: bytes, authority: bytes) -> bool:
    """Whether `authority` (PEM) signed `certificate` (PEM); says nothing of dates."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    leaf, issuer = x509.load_pem_x509_certificate(certificate), x509.load_pem_x509_certificate(authority)
    try:
        leaf.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def is_pair(pair: Pair) -> bool:
    """Whether the key is the certificate's own: a power cut may have left a new key beside an old certificate."""
    from cryptography.hazmat.primitives import serialization

    public = serialization.load_pem_public_key(public_pem(pair.key))
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der == read_certificate(pair.certificate).public_key


def is_due(facts: Facts, now: datetime, days: int = LEAF_DAYS) -> bool:
    """Less than a third of a leaf's `days` is left: time for the next one."""
    return facts.not_after - max(now, NOT_EARLIER) < timedelta(days=days / 3)


def _end(now: datetime, days: int) -> datetime:
    return max(now, NOT_EARLIER) + timedelta(days=days)


def _load_key(pem: bytes) -> EllipticCurvePrivateKey | RSAPrivateKey:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError(f"an EC or RSA key is needed, not {type(key).__name__}")
    return key


def _name(subject: Subject) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in subject.organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, subject.common_name)])


def _common_name(name: x509.Name) -> str:
    from cryptography.x509.oid import NameOID

    values = [str(part.value) for part in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return values[0] if values else ""


def _organizations(name: x509.Name) -> tuple[str, ...]:
    from cryptography.x509.oid import NameOID

    return tuple(str(part.value) for part in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME))


def _names_of(extensions: x509.Extensions) -> list[str]:
    from cryptography import x509

    try:
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    return [*names.get_values_for_type(x509.DNSName), *addresses]


def _alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName:
    from cryptography import x509

    def general(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    return x509.SubjectAlternativeName([general(name) for name in names])


def _builder(
    subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes, end: datetime
) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINNING)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _as_authority(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    from cryptography import x509

    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).add_extension(
        _key_usage(authority=True), critical=True
    )


def _leaf(
    ca: Pair, subject: Subject, public: CertificatePublicKeyTypes, end: datetime, *, server: bool, client: bool
) -> bytes:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority = x509.load_pem_x509_certificate(ca.certificate)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH] * server + [ExtendedKeyUsageOID.CLIENT_AUTH] * client
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_name(subject), authority.subject, public, min(end, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    if subject.names:
        builder = builder.add_extension(_alternative_names(subject.names), critical=False)
    return _sign(builder, ca.key)


def _sign(builder: x509.CertificateBuilder, key: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization

    return builder.sign(_load_key(key), hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_usage(authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not authority,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
