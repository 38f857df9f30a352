"""What boards say by mDNS, and that a stranger's words cannot hurt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.announcements import Announcement, clean, from_txt, to_txt

PI = Announcement("pi-1", "ab" * 16, "Raspberry Pi 4 Model B Rev 1.4", "arm64", 3792, 22, "SHA256:x", "bare", "")


def test_a_record_comes_back():
    pairs = {key.encode(): value.encode() for key, value in to_txt(PI).items()}
    assert from_txt("pi-1", pairs) == PI


@pytest.mark.parametrize(
    ("pairs", "field", "value"),
    [
        ({b"ssh": b"99999"}, "ssh_port", 22),
        ({b"ssh": b"2222"}, "ssh_port", 2222),
        ({b"mem": b"-5"}, "memory", 0),
        ({b"mem": None}, "memory", 0),
        ({b"state": b"\x1b[31mowned"}, "state", "unknown"),
        ({b"model": b"\x1b]0;evil\x07Pi\n../../etc"}, "model", "?]0;evil?Pi?../../etc"),
        ({b"model": b"x" * 5000}, "model", "x" * 80),
    ],
)
def test_hostile_fields(pairs, field, value):
    assert getattr(from_txt("n", pairs), field) == value


@given(st.dictionaries(st.binary(max_size=20), st.none() | st.binary(max_size=300), max_size=6), st.text(max_size=30))
def test_any_record_is_read(pairs, name):
    said = from_txt(name, pairs)
    assert said.name.isprintable() and said.model.isprintable()


@given(st.binary())
def test_cleaned_text_is_printable_ascii(raw):
    assert clean(raw).isascii() and clean(raw).isprintable()
