"""Pools of addresses as people write them."""

import pytest

from kube.pools import addresses, wrong


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], []),
        (["192.0.2.7"], ["192.0.2.7"]),
        (["192.0.2.8-192.0.2.10"], ["192.0.2.8", "192.0.2.9", "192.0.2.10"]),
        (["192.0.2.8/31", "192.0.2.9"], ["192.0.2.8", "192.0.2.9"]),
    ],
)
def test_addresses(texts, found):
    assert wrong(texts) == "" and list(addresses(texts)) == found


@pytest.mark.parametrize("text", ["", "a", "192.0.2.9-192.0.2.8", "192.0.2.1-", "192.0.2.1/40", "fd00::1"])
def test_what_is_no_pool(text):
    assert wrong([text])
