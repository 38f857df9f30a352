"""Secrets at rest: in upstream's format, opened by any of the keys."""

import stat

import pytest
from nacl.secret import SecretBox

from kube.layout import Layout
from master.api import sealing
from master.api.sealing import SealError, Sealing

KEY = b"/registry/secrets/default/s"


def test_a_secret_is_sealed_as_upstream_seals_it():
    value = Sealing({"key1": b"k" * 32}).seal(KEY, b"{}")
    assert value.startswith(b"k8s:enc:secretbox:v1:key1:")
    assert SecretBox(b"k" * 32).decrypt(value.removeprefix(b"k8s:enc:secretbox:v1:key1:")) == b"{}"


def test_other_kinds_and_values_in_the_clear_pass():
    one = Sealing({"key1": b"k" * 32})
    assert one.seal(b"/registry/configmaps/default/s", b"{}") == b"{}"
    assert one.open(KEY, b"{}") == b"{}"


def test_a_new_key_seals_and_the_old_one_still_opens():
    old, new = Sealing({"key1": b"k" * 32}), Sealing({"key1": b"k" * 32, "key2": b"l" * 32})
    assert new.open(KEY, old.seal(KEY, b"{}")) == b"{}"
    assert new.seal(KEY, b"{}").startswith(b"k8s:enc:secretbox:v1:key2:")


@pytest.mark.parametrize(
    ("keys", "said"),
    [({"key9": b"k" * 32}, "no such key file"), ({"key1": b"x" * 32}, "does not open it")],
)
def test_a_missing_or_wrong_key_is_named(keys, said):
    with pytest.raises(SealError, match=said):
        Sealing(keys).open(KEY, Sealing({"key1": b"k" * 32}).seal(KEY, b"{}"))


def test_the_key_is_made_once_and_for_root_alone(tmp_path):
    value = sealing.build(Layout(tmp_path)).seal(KEY, b"{}")
    assert sealing.build(Layout(tmp_path)).open(KEY, value) == b"{}"
    assert stat.S_IMODE((tmp_path / "var/lib/wherry/keys/key1.key").stat().st_mode) == 0o600
