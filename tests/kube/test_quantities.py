"""Quantities: values, canonical text and order."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import quantities


@pytest.mark.parametrize(
    ("text", "canonical", "value", "milli"),
    [
        ("0", "0", 0, 0),
        ("1", "1", 1, 1000),
        ("1000m", "1", 1, 1000),
        ("1500m", "1500m", 2, 1500),
        ("0.5", "500m", 1, 500),
        (".5", "500m", 1, 500),
        ("1.", "1", 1, 1000),
        ("1000", "1k", 1000, 10**6),
        ("100k", "100k", 100_000, 10**8),
        ("1.5Gi", "1536Mi", 1610612736, 1610612736000),
        ("1024Mi", "1Gi", 2**30, 2**30 * 1000),
        ("1023", "1023", 1023, 1023000),
        ("512Ki", "512Ki", 524288, 524288000),
        ("0.5Ki", "512", 512, 512000),
        ("1e3", "1e3", 1000, 10**6),
        ("1E3", "1e3", 1000, 10**6),
        ("12e2", "1200", 1200, 1200000),
        ("1E", "1E", 10**18, 10**21),
        ("100n", "100n", 1, 1),
        ("0.1n", "1n", 1, 1),
        ("-1500m", "-1500m", -2, -1500),
        ("-1Ki", "-1Ki", -1024, -1024000),
        ("+3", "3", 3, 3000),
        ("9223372036854775808", "9223372036854775807", 2**63 - 1, (2**63 - 1) * 1000),
        ("100E", "100E", 10**20, 10**23),
    ],
)
def test_a_quantity(text: str, canonical: str, value: int, milli: int) -> None:
    assert quantities.canonical(text) == canonical
    assert (quantities.value(text), quantities.milli_value(text)) == (value, milli)


def test_a_resource_list_keeps_thousandths() -> None:
    assert quantities.canonical_resource("100u") == "1m"
    assert quantities.canonical_resource("1.0001") == "1001m"


@pytest.mark.parametrize(
    "text", ["", "Bad_Value!/..", "1.1.M", "1+1.0M", "0.1mi", "1x", " 1", "1 ", "1e", "0x1", "１", "9" * 5000]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantit"):
        quantities.parse(text)


TEXTS = st.builds(
    lambda whole, fraction, suffix: f"{whole}.{fraction}{suffix}" if fraction is not None else f"{whole}{suffix}",
    st.integers(-(10**9), 10**9),
    st.none() | st.integers(0, 999),
    st.sampled_from([*quantities.BINARY, *quantities.DECIMAL, "e2", "e-2"]),
)


@given(TEXTS)
def test_the_canonical_text_means_the_same_and_is_stable(text: str) -> None:
    canonical = quantities.canonical(text)
    assert quantities.parse(canonical) == quantities.parse(text)
    assert quantities.canonical(canonical) == canonical


@given(TEXTS, TEXTS)
def test_order_and_sums_are_exact(one: str, two: str) -> None:
    a, b = quantities.parse(one), quantities.parse(two)
    assert (a < b) == (Fraction(a.nanos) < Fraction(b.nanos))
    assert ((a + b) - b) == a


@given(st.text(max_size=20))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        quantities.canonical(text)
    except ValueError as error:
        assert "quantit" in str(error)
