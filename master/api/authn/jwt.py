"""JSON Web Tokens as service accounts carry them: signed with ES256 (or RS256, where sa.key is RSA), compact form.

Contract: `Signer(key)` signs claims, `Verifier(keys)` returns the claims of a token that one of its keys signed, or raises
`BadToken`; times are the caller's business.  A key's id is the hash of its public half (RFC 7517, RFC 7518).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

Claims = dict[str, Any]
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
HALF = 32
"""Bytes of r and of s in an ES256 signature (RFC 7518, 3.4)."""


class BadToken(Exception):
    """The token is not one of ours, or no longer good; the text says why."""


class Signer:
    """Signs with one PEM private key."""

    def __init__(self, key_pem: bytes) -> None:
        key = serialization.load_pem_private_key(key_pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise ValueError(f"a signing key is EC or RSA, not {type(key).__name__}")
        self._key = key
        header = {"alg": algorithm(key.public_key()), "kid": key_id(key.public_key())}
        self._header = encode(orjson.dumps(header))

    def sign(self, claims: Claims) -> str:
        signed = f"{self._header}.{encode(orjson.dumps(claims))}"
        return f"{signed}.{encode(self._signature(signed.encode()))}"

    def _signature(self, data: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(HALF, "big") + s.to_bytes(HALF, "big")


class Verifier:
    """Knows the public keys of every key that signs or once signed, by their ids."""

    def __init__(self, public_pems: Iterable[bytes]) -> None:
        self._keys: dict[str, PublicKey] = {}
        for pem in public_pems:
            key = serialization.load_pem_public_key(pem)
            if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
                raise ValueError(f"a signing key is EC or RSA, not {type(key).__name__}")
            self._keys[key_id(key)] = key

    def verify(self, token: str) -> Claims:
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        try:
            said, claims = orjson.loads(decode(header)), orjson.loads(decode(payload))
            key = self._keys.get(said["kid"])
            if key is None or said["alg"] != algorithm(key):
                raise BadToken("signed by an unknown key")
            _check(key, signed.encode(), decode(signature))
        except (ValueError, KeyError, TypeError, InvalidSignature) as error:
            raise BadToken("not a token of this cluster") from error
        if not isinstance(claims, dict):
            raise BadToken("the claims are not an object")
        return claims

    def jwks(self) -> dict[str, Any]:
        """The keys as /openid/v1/jwks publishes them."""
        return {"keys": [jwk(key) for key in self._keys.values()]}

    def algorithms(self) -> list[str]:
        return sorted({algorithm(key) for key in self._keys.values()})


def claims_of(token: str) -> Claims | None:
    """The claims without any proof, to see whose token it is; None when it is no JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = orjson.loads(decode(parts[1]))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def algorithm(key: PublicKey) -> str:
    return "RS256" if isinstance(key, rsa.RSAPublicKey) else "ES256"


def key_id(key: PublicKey) -> str:
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encode(hashlib.sha256(der).digest())


def jwk(key: PublicKey) -> dict[str, str]:
    common = {"use": "sig", "kid": key_id(key), "alg": algorithm(key)}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return common | {"kty": "RSA", "n": _integer(numbers.n), "e": _integer(numbers.e)}
    point = key.public_numbers()
    x, y = (encode(value.to_bytes(HALF, "big")) for value in (point.x, point.y))
    return common | {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _integer(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _check(key: PublicKey, data: bytes, signature: bytes) -> None:
    """InvalidSignature when `key` did not sign `data`."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        return
    if len(signature) != 2 * HALF:
        raise InvalidSignature
    halves = (int.from_bytes(half, "big") for half in (signature[:HALF], signature[HALF:]))
    key.verify(encode_dss_signature(*halves), data, ec.ECDSA(hashes.SHA256()))
