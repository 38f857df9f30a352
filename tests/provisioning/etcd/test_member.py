"""A member of etcd as a service, and the choice of a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kube.config import EtcdSection, MasterConfig, StoreSection
from kube.layout import Layout
from provisioning.etcd.choosing import ChoiceError, chosen, stored_in
from provisioning.etcd.member import is_kept_here, member_service

ALONE = MasterConfig(store=StoreSection(kind="etcd"), etcd=EtcdSection(member="a"))


def flags(config: MasterConfig) -> dict[str, str]:
    _program, *words = member_service(Layout(Path("/r")), config).argv
    return dict(word.removeprefix("--").split("=", 1) for word in words)


def test_a_member_alone_listens_on_loopback_and_begins_its_cluster() -> None:
    said = flags(ALONE)
    assert {url for name, url in said.items() if name.startswith("listen")} == {
        "https://127.0.0.1:2379",
        "https://127.0.0.1:2380",
    }
    assert (said["initial-cluster"], said["initial-cluster-state"]) == ("a=https://127.0.0.1:2380", "new")


def test_nobody_comes_in_without_a_certificate_of_etcds_authority() -> None:
    said = flags(ALONE)
    assert said["client-cert-auth"] == said["peer-client-cert-auth"] == "true"
    assert said["trusted-ca-file"] == said["peer-trusted-ca-file"] == "/r/etc/kubernetes/pki/etcd/ca.crt"
    assert not any("http://" in value for value in said.values())


def test_a_member_that_joins_is_told_of_the_others() -> None:
    others = ("a=https://192.0.2.1:2380", "b=https://192.0.2.2:2380")
    said = flags(replace(ALONE, etcd=EtcdSection(member="b", advertise="192.0.2.2", joined=others)))
    assert (said["initial-cluster"], said["initial-cluster-state"]) == (",".join(others), "existing")
    assert said["listen-peer-urls"] == "https://0.0.0.0:2380"
    assert said["initial-advertise-peer-urls"] == "https://192.0.2.2:2380"


def test_the_old_api_is_served_only_when_it_is_asked_for() -> None:
    assert "enable-v2" not in flags(ALONE)
    assert flags(replace(ALONE, etcd=replace(ALONE.etcd, v2=True)))["enable-v2"] == "true"


def test_a_store_is_chosen_before_there_is_a_state() -> None:
    config = chosen(MasterConfig(), "etcd", False, "a")
    assert is_kept_here(config) and config == ALONE
    assert chosen(config, "etcd", True, "b") is config
    assert chosen(config, "", True, "b") is config
    with pytest.raises(ChoiceError, match="chosen at the first"):
        chosen(config, "sqlite", True, "a")


def test_an_etcd_that_others_keep_has_no_member_here() -> None:
    config = MasterConfig(store=StoreSection(endpoints=("https://192.0.2.9:2379",)))
    assert not is_kept_here(stored_in(config, "etcd", "a"))
