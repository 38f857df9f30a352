"""Two masters of one cluster on this machine."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kube.config import ApiSection, EtcdSection, MasterConfig, StoreSection
from kube.layout import Layout
from kube.pki import ensure_master_pki
from master.api.running import names_of
from tests.system.masters.processes import Master, running_etcd
from tests.system.store.over_etcd.members import free_ports


@pytest.fixture
def masters(tmp_path: Path) -> Iterator[list[Master]]:
    """Two that run, or are about to, each with a port and an address of its own."""
    client, peer, *ports = free_ports(4)
    shared = MasterConfig(store=StoreSection(kind="etcd"), etcd=EtcdSection(member="a", port=client, peer_port=peer))
    made = []
    for number, port in enumerate(ports, 1):
        api = ApiSection(bind="127.0.0.1", port=port, advertise=(f"192.0.2.{number}",))
        layout = Layout(tmp_path / str(number))
        layout.root.mkdir()
        made.append(Master(layout, replace(shared, api=api)))
    first, *others = made
    ensure_master_pki(first.layout, names_of(first.config))
    for other in others:
        shutil.copytree(first.layout.pki, other.layout.pki)
    with contextlib.ExitStack() as undo:
        undo.enter_context(running_etcd(first.layout, first.config))
        for master in made:
            undo.callback(master.kill)
            master.start()
        yield made
