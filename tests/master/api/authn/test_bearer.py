import base64

import pytest
from multidict import CIMultiDict

from kube.errors import ApiError
from master.api.authn.bearer import passed_on, protocols_of, token_of

PROTOCOL = "Sec-WebSocket-Protocol"


def offered(token):
    return "base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(token).decode().rstrip("=")


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], None),
        ([("Authorization", "Bearer abc")], "abc"),
        ([("Authorization", "bEARER  abc ")], "abc"),
        ([("Authorization", "Basic abc")], None),
        ([(PROTOCOL, "v5.channel.k8s.io")], None),
        ([(PROTOCOL, f"v5.channel.k8s.io, {offered(b'a?b>c')}")], "a?b>c"),
        ([(PROTOCOL, offered(b"ab")), (PROTOCOL, "v4.channel.k8s.io")], "ab"),
        ([("Authorization", "Bearer abc"), (PROTOCOL, f"v5.channel.k8s.io, {offered(b'other')}")], "abc"),
    ],
)
def test_where_a_token_is_found(headers, token):
    assert token_of(CIMultiDict(headers)) == token


@pytest.mark.parametrize(
    "protocols",
    [
        offered(b"alone"),
        f"{offered(b'one')}, {offered(b'two')}, v5.channel.k8s.io",
        "base64url.bearer.authorization.k8s.io.a, v5.channel.k8s.io",
        "base64url.bearer.authorization.k8s.io.a/bc, v5.channel.k8s.io",
        f"{offered(bytes([0xFF, 0xFE]))}, v5.channel.k8s.io",
    ],
    ids=["alone", "two", "cut short", "another alphabet", "no text"],
)
def test_what_holds_no_token_is_refused(protocols):
    with pytest.raises(ApiError) as refusal:
        token_of(CIMultiDict([(PROTOCOL, protocols)]))
    assert refusal.value.status == 401


def test_a_token_goes_no_further():
    values = [offered(b"x"), f"v5.channel.k8s.io, {offered(b'x')},v4.channel.k8s.io"]
    several = CIMultiDict([(PROTOCOL, value) for value in values])
    assert protocols_of(several) == ["v5.channel.k8s.io", "v4.channel.k8s.io"]
    assert passed_on(several) == {PROTOCOL: "v5.channel.k8s.io, v4.channel.k8s.io"}
    assert passed_on(CIMultiDict([(PROTOCOL, offered(b"x"))])) == {}
