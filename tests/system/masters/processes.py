"""Two API servers, processes of their own, over one etcd with TLS: two masters of one cluster on one machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from kube import config as settings
from kube.client import Client
from kube.config import MasterConfig
from kube.layout import Layout
from provisioning.etcd.member import member_service


@dataclass
class Master:
    layout: Layout
    config: MasterConfig
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings.write(self.config, self.layout.config / "master.toml")
        command = (Path(sys.prefix) / "bin/master", "run", "--root", self.layout.root, "--roles", "api")
        with (self.layout.root / "master.log").open("ab") as log:
            self.process = subprocess.Popen(tuple(map(str, command)), stdout=log, stderr=log)

    def kill(self) -> None:
        """As a power cut does; nothing where it does not run."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with Client.from_kubeconfig(self.layout.admin_conf) as client:
            yield client


@contextlib.contextmanager
def running_etcd(layout: Layout, config: MasterConfig) -> Iterator[None]:
    service = member_service(layout, config)
    with (layout.root / "etcd.log").open("ab") as log:
        process = subprocess.Popen(service.argv, stdout=log, stderr=log, env=os.environ | service.env)
    try:
        yield
    finally:
        process.kill()
        process.wait()
