"""Questions to the server: who is it, may they; and the requests for certificates."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography import x509

from kube import names
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import Object

SPEC = ROOT / "spec"
ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)


# Access


def own_access(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    resource, other = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and other is not None:
        out.invalid(SPEC / "nonResourceAttributes", other, "cannot be specified in combination with resourceAttributes")
    if resource is None and other is None:
        out.invalid(SPEC / "resourceAttributes", None, ONE_OF)


def access(obj: Object, out: Problems) -> None:
    own_access(obj, out)
    spec = obj.get("spec") or {}
    if not spec.get("user") and not spec.get("groups"):
        out.invalid(SPEC / "user", spec.get("user") or "", "at least one of user or group must be specified")


def local_access(obj: Object, out: Problems) -> None:
    access(obj, out)
    spec, namespace = obj.get("spec") or {}, (obj.get("metadata") or {}).get("namespace") or ""
    asked = (spec.get("resourceAttributes") or {}).get("namespace") or ""
    if spec.get("resourceAttributes") is not None and asked != namespace:
        said = f"must match metadata.namespace: {namespace}"
        out.invalid(SPEC / "resourceAttributes" / "namespace", asked, said)
    if spec.get("nonResourceAttributes") is not None:
        out.invalid(SPEC / "nonResourceAttributes", spec["nonResourceAttributes"], "disallowed on this kind of request")


# Certificates


def signing_request(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    request = spec.get("request")
    if not is_request(request or ""):
        out.invalid(SPEC / "request", request, "PEM block type must be CERTIFICATE REQUEST")
    if not spec.get("usages"):
        out.required(SPEC / "usages")
    for index, usage in enumerate(spec.get("usages") or ()):
        if usage not in USAGES:
            out.unsupported(SPEC / "usages" / index, usage, USAGES)
        if usage in spec["usages"][:index]:
            out.duplicate(SPEC / "usages" / index, usage)
    signer = spec.get("signerName") or ""
    if not signer:
        out.required(SPEC / "signerName")
    else:
        _signer(signer, SPEC / "signerName", out)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        out.invalid(
            SPEC / "expirationSeconds", seconds, "may not specify a duration less than 600 seconds (10 minutes)"
        )


def is_request(encoded: str) -> bool:
    """Whether a base64 text holds a PEM block of a certificate request; what is in it is the signer's concern."""
    try:
        text = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return False
    return b"-----BEGIN CERTIFICATE REQUEST-----" in text


def _signer(signer: str, at: Path, out: Problems) -> None:
    """`DOMAIN/PATH`: a domain of two parts or more, a path of DNS names."""
    domain, slash, path = signer.partition("/")
    if not slash:
        out.invalid(at, signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
        return
    labels = domain.split(".")
    for label in labels:
        for detail in names.dns1123_label(label):
            out.invalid(at, domain, f'validating label "{label}": {detail}')
    if len(labels) < 2:
        out.invalid(at, domain, "should be a domain with at least two segments separated by dots")
    for label in path.split("."):
        if details := names.dns1123_subdomain(label):
            out.invalid(at, path, f'validating label "{label}": {details[0]}')
            break


CONDITIONS = ("Approved", "Denied", "Failed")


def signing_request_update(obj: Object, old: Object, out: Problems) -> None:
    _conditions(obj, ROOT / "status" / "conditions", out)
    _decided(obj, old, ROOT / "status" / "conditions", out)
    new, before = ((each.get("status") or {}).get("certificate") or "" for each in (obj, old))
    if new == before:
        return
    if before:
        out.forbidden(ROOT / "status" / "certificate", "updates may not set certificate content that is already set")
    elif said := _certificates(new):
        out.invalid(ROOT / "status" / "certificate", "<certificate data>", said)


def _decided(obj: Object, old: Object, at: Path, out: Problems) -> None:
    """What was decided once stays so."""
    present = {each.get("type") for each in (obj.get("status") or {}).get("conditions") or ()}
    for each in (old.get("status") or {}).get("conditions") or ():
        if each.get("type") in CONDITIONS and each["type"] not in present:
            out.forbidden(at, f'updates may not remove a condition of type "{each["type"]}"')


def _certificates(encoded: str) -> str:
    """What is wrong with PEM blocks in base64 that should be certificates."""
    try:
        text = base64.b64decode(encoded, validate=True).decode("ascii", "replace")
    except binascii.Error as error:
        return str(error)
    blocks = re.findall(r"-----BEGIN ([^-\n]+)-----\n(.*?)\n?-----END \1-----", text, re.DOTALL)
    for kind, content in blocks:
        if kind != "CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{kind}"'
        if ":" in content:
            return "no PEM block headers are permitted"
        try:
            x509.load_der_x509_certificate(base64.b64decode(content))
        except ValueError:
            return "x509: malformed certificate"
    return "" if blocks else "must contain one or more PEM blocks"


def _conditions(obj: Object, at: Path, out: Problems) -> None:
    seen: set[str] = set()
    for index, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        kind = condition.get("type") or ""
        if not kind:
            out.required(at / index / "type")
        if condition.get("status") != "True" and kind in CONDITIONS:
            out.unsupported(at / index / "status", condition.get("status") or "", ("True",))
        if kind in seen:
            out.duplicate(at / index / "type", kind)
        seen.add(kind)
    if {"Approved", "Denied"} <= seen:
        out.invalid(at, sorted(seen), "Approved and Denied conditions are mutually exclusive")
