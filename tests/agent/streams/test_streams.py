"""SPDY frames and kubectl's channel messages, there and back."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.streams.channels import PLAIN, PROTOCOLS, Channel, decode, encode, ending
from agent.streams.spdy import (
    DICTIONARY,
    Data,
    Decoder,
    Encoder,
    GoAway,
    Ping,
    Reset,
    SpdyError,
    SynReply,
    SynStream,
)

FRAMES = [
    SynStream(1, {"streamtype": "error"}),
    SynStream(3, {"streamtype": "data", "port": "80"}, fin=True),
    SynReply(1),
    Data(1, b"hello"),
    Data(1, b"", fin=True),
    Reset(3, 5),
    Ping(7),
    GoAway(0),
]


def test_the_dictionary_is_the_one_both_ends_know():
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


@given(st.lists(st.integers(1, 40), min_size=1))
def test_frames_survive_any_cutting(cuts):
    encoder, decoder = Encoder(), Decoder()
    raw = b"".join(encoder.encode(frame) for frame in FRAMES)
    found = []
    for cut in cuts:
        piece, raw = raw[:cut], raw[cut:]
        found += decoder.feed(piece)
    assert [*found, *decoder.feed(raw)] == FRAMES


def test_long_data_goes_in_several_frames_and_only_the_last_ends_the_stream():
    frames = list(Decoder().feed(Encoder().encode(Data(1, b"x" * 70_000, fin=True))))
    assert b"".join(f.data for f in frames) == b"x" * 70_000
    assert [f.fin for f in frames] == [False, False, True]


@given(st.binary(max_size=60))
def test_any_bytes_are_frames_or_an_error(raw):
    try:
        list(Decoder().feed(raw))
    except SpdyError:
        return


@pytest.mark.parametrize("protocol", [*PROTOCOLS.values(), PLAIN], ids=lambda p: p.name or "plain")
@given(data=st.binary(max_size=40))
def test_messages_come_back(protocol, data):
    assert decode(protocol, encode(protocol, Channel.STDOUT, data)) == (1, data)


@pytest.mark.parametrize("message", ["", "x", "1***"])
def test_bad_base64_messages_are_refused(message):
    with pytest.raises(ValueError, match="."):
        decode(PROTOCOLS["base64.channel.k8s.io"], message)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("v4.channel.k8s.io", b'{"status":"Failure"}', b'{"status":"Failure"}'),
        ("v5.channel.k8s.io", b"", b'{"metadata":{},"status":"Success"}'),
        ("channel.k8s.io", b'{"status":"Failure","message":"exit 3"}', b"exit 3"),
        ("channel.k8s.io", b'{"status":"Success"}', b""),
    ],
)
def test_how_a_session_ends(name, status, said):
    assert ending(PROTOCOLS[name], status) == said
