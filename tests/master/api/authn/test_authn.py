"""Each kind of credential: who it is, and when it is no longer good."""

import ssl
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kube.certificates import Subject, issue, make_ca, make_key, public_pem, read_certificate
from kube.config import SettingsError
from kube.errors import ApiError
from master.api.authn import static_tokens
from master.api.authn.impersonation import impersonate
from master.api.authn.issuing import TokenIssuer
from master.api.authn.jwt import BadToken, Signer, Verifier, encode
from master.api.authn.service_accounts import ServiceAccountTokens
from master.api.authn.union import Union, anonymous
from master.api.authn.x509 import CertificateAuthenticator
from master.api.contract import Credentials, Decision, UserInfo

NOW = datetime(2027, 1, 1, tzinfo=UTC)


def rsa_key():
    return rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def rsa_public(key):
    return (
        serialization.load_pem_private_key(key, None)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


class Clock:
    def __init__(self):
        self.now = NOW.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


# Certificates


@pytest.fixture(scope="module")
def certificate():
    pair = issue(make_ca("ca", NOW), Subject("ann", ("crew", "others")), NOW, server=False, client=True)
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


async def test_a_certificate_names_user_and_groups(reader, clock, certificate):
    user = await CertificateAuthenticator(reader, clock).authenticate(Credentials(certificate, None))
    assert (user.name, user.groups) == ("ann", ("crew", "others", "system:authenticated"))
    assert user.extra["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256=")


async def test_a_certificate_ends_in_the_middle_of_a_connection(reader, clock, certificate):
    authenticator = CertificateAuthenticator(reader, clock)
    await authenticator.authenticate(Credentials(certificate, None))
    clock.now += 366 * 86400
    with pytest.raises(ApiError, match="expired"):
        await authenticator.authenticate(Credentials(certificate, None))


async def test_a_denied_key_is_out_at_once(reader, make, clock, certificate):
    authenticator = CertificateAuthenticator(reader, clock)
    await authenticator.authenticate(Credentials(certificate, None))
    key = read_certificate(certificate).key_hash
    reader.put(make("v1", "ConfigMap", "kube-system/denied-certificates", data={key: "node n1 was removed"}))
    with pytest.raises(ApiError, match="deny list"):
        await authenticator.authenticate(Credentials(certificate, None))


# Tokens


@pytest.mark.parametrize(("key", "public"), [(make_key, public_pem), (rsa_key, rsa_public)], ids=["ES256", "RS256"])
def test_what_is_signed_is_verified(key, public):
    private = key()
    token = Signer(private).sign({"a": 1})
    assert Verifier([public(private)]).verify(token) == {"a": 1}


@pytest.mark.parametrize(
    "damage",
    [
        lambda token: token[:-4] + "AAAA",
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: "a.b.c",
        lambda token: token.replace(".", ""),
        lambda token: f"{encode(b'{}')}.{token.split('.', 1)[1]}",
        lambda token: f"{token.split('.')[0]}.{encode(b'{}')}.{token.split('.')[2]}",
        lambda token: Signer(make_key()).sign({"a": 1}),
    ],
    ids=["signature", "no signature", "nonsense", "no parts", "no header", "other claims", "another key"],
)
def test_a_damaged_token_is_refused(damage):
    key = make_key()
    with pytest.raises(BadToken):
        Verifier([public_pem(key)]).verify(damage(Signer(key).sign({"a": 1})))


@pytest.mark.parametrize("token", ["é.é.é", "....", "a.b", "e30.W10.e30", "e30.e30.\udce9", ""])
async def test_nonsense_is_a_refusal_and_no_fault(reader, token):
    tokens = ServiceAccountTokens(Verifier([public_pem(make_key())]), reader)
    with pytest.raises(ApiError, match="invalid bearer token"):
        await Union([tokens]).authenticate(Credentials(None, token))


async def test_a_certificate_that_cannot_be_read(reader):
    with pytest.raises(ApiError, match="cannot be read"):
        await CertificateAuthenticator(reader).authenticate(Credentials(b"0\x82", None))


@pytest.fixture
def accounts(reader, make, clock):
    key = make_key()
    verifier = Verifier([public_pem(key)])
    reader.put(make("v1", "ServiceAccount", "acc/robot"))
    reader.put(make("v1", "Node", "n1"))
    reader.put(make("v1", "Pod", "acc/p", spec={"serviceAccountName": "robot", "nodeName": "n1"}))
    return ServiceAccountTokens(verifier, reader, clock=clock), TokenIssuer(Signer(key), verifier, reader, clock)


async def issued(issuer, **spec):
    return (await issuer.token_request("acc", "robot", {"spec": spec}))["status"]["token"]


async def test_a_pods_token_says_where_it_runs(accounts):
    tokens, issuer = accounts
    pod = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "uid-of-p"}
    user = await tokens.authenticate(Credentials(None, await issued(issuer, boundObjectRef=pod)))
    assert (user.name, user.uid) == ("system:serviceaccount:acc:robot", "uid-of-robot")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:acc", "system:authenticated")
    assert {key.rpartition("/")[2]: value[0] for key, value in user.extra.items() if "JTI" not in value[0]} == {
        "pod-name": "p",
        "pod-uid": "uid-of-p",
        "node-name": "n1",
        "node-uid": "uid-of-n1",
    }


async def test_a_token_ends(accounts, clock):
    tokens, issuer = accounts
    token = await issued(issuer, expirationSeconds=600)
    await tokens.authenticate(Credentials(None, token))
    clock.now += 600
    with pytest.raises(ApiError, match="invalid bearer token"):
        await tokens.authenticate(Credentials(None, token))


@pytest.mark.parametrize("kind", ["ServiceAccount", "Pod"])
async def test_a_token_dies_with_what_it_is_bound_to(accounts, reader, make, kind):
    tokens, issuer = accounts
    token = await issued(issuer, boundObjectRef={"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "uid-of-p"})
    await tokens.authenticate(Credentials(None, token))
    again = make("v1", kind, "acc/robot" if kind == "ServiceAccount" else "acc/p", metadata={"uid": "another"})
    reader.put(again)
    with pytest.raises(ApiError, match="invalid bearer token"):
        await tokens.authenticate(Credentials(None, token))


@pytest.mark.parametrize(
    ("spec", "status", "said"),
    [
        ({"expirationSeconds": 60}, 422, "may not specify a duration less than 10 minutes"),
        ({"expirationSeconds": 1 << 40}, 422, "larger than 2\\^32 seconds"),
        ({"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "none"}}, 404, "not found"),
        ({"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "x"}}, 409, "does not match"),
        ({"boundObjectRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "p"}}, 400, "only Pod, Secret and Node"),
    ],
)
async def test_a_request_for_a_token_that_cannot_be(accounts, spec, status, said):
    with pytest.raises(ApiError, match=said) as error:
        await issued(accounts[1], **spec)
    assert error.value.status == status


def test_the_token_file():
    users = static_tokens.parse(["# who", "", 't1,ann,7,"crew, others"', "t2,bob,8"], "tokens.csv")
    assert users[static_tokens.digest("t1")] == UserInfo("ann", ("crew", "others"), "7")
    assert users[static_tokens.digest("t2")] == UserInfo("bob", (), "8")
    with pytest.raises(SettingsError, match=r"tokens.csv, line 1: must be token,user,uid"):
        static_tokens.parse(["t1"], "tokens.csv")


# The union


class Knows:
    def __init__(self, user):
        self.user = user

    async def authenticate(self, _credentials):
        return self.user


async def test_who_is_known_is_authenticated():
    found = await Union([Knows(None), Knows(UserInfo("ann", ("crew",)))]).authenticate(Credentials(None, "t"))
    assert found.groups == ("crew", "system:authenticated")


async def test_a_bad_token_is_not_taken_for_none():
    assert await Union([Knows(None)]).authenticate(Credentials(None, None)) is None
    with pytest.raises(ApiError, match="invalid bearer token"):
        await Union([Knows(None)]).authenticate(Credentials(None, "t"))


@pytest.mark.parametrize(
    ("path", "known"),
    [("/healthz", True), ("/readyz/store", True), ("/version/", True), ("/healthzz", False), ("/api", False)],
)
def test_nobody_is_somebody_at_the_health_paths(path, known):
    assert (anonymous(path) is not None) is known


# Impersonation


class Allows:
    def __init__(self, allowed=True):
        self.allowed = allowed
        self.asked = []

    def authorize(self, _user, request):
        self.asked.append((request.resource, request.subresource, request.namespace, request.name))
        return Decision(self.allowed)


ADMIN = UserInfo("admin", ("system:masters",))


def test_each_thing_put_on_is_asked_for():
    headers = [
        ("Impersonate-User", "ann"),
        ("Impersonate-Group", "crew"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Extra-Scopes", "view"),
        ("Accept", "x"),
    ]
    allows = Allows()
    user = impersonate(ADMIN, headers, allows)
    assert user == UserInfo("ann", ("crew", "system:authenticated"), "7", {"scopes": ("view",)})
    assert allows.asked == [
        ("users", "", "", "ann"),
        ("groups", "", "", "crew"),
        ("uids", "", "", "7"),
        ("userextras", "scopes", "", "view"),
    ]


def test_a_service_account_brings_its_groups():
    allows = Allows()
    user = impersonate(ADMIN, [("impersonate-user", "system:serviceaccount:acc:robot")], allows)
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:acc", "system:authenticated")
    assert allows.asked == [("serviceaccounts", "", "acc", "robot")]


def test_who_may_not_does_not():
    with pytest.raises(ApiError, match='cannot impersonate resource "users"'):
        impersonate(ADMIN, [("Impersonate-User", "ann")], Allows(False))
    with pytest.raises(ApiError, match="without impersonating a user"):
        impersonate(ADMIN, [("Impersonate-Group", "crew")], Allows())
