"""A virtual node's life: create, start, kill (pull the plug), destroy.  Each can be repeated, also after an interruption."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kube.layout import Layout
from provisioning.supervising.services import Service, render_service
from provisioning.virtual.cgroups import doors, make_group, remove_group
from provisioning.virtual.filling import files, fill, make_folder, make_key
from provisioning.virtual.locking import held
from provisioning.virtual.network import (
    Network,
    apply_batch,
    cable_batch,
    choose_address,
    inside_batch,
    link_exists,
    link_name,
    remove_link,
)
from provisioning.virtual.records import Blueprint, Enrolment, Places, Process, Record, Size, load, save, tag

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DEATH_SECONDS = 20.0
ENTER = 'while [ "$1" != --target ]; do echo 0 > "$1"; shift; done; exec nsenter "$@"'
"""A shell's way into a node's cgroups (the first arguments), then its namespaces."""


def master_key(layout: Layout) -> Path:
    """The master's private SSH key, made on first use; its public half lies beside it."""
    path = layout.state / "ssh/id_ed25519"
    make_key(path, "wherry-master")
    return path


@dataclass(frozen=True, slots=True)
class VirtualNode:
    """One virtual node of a cluster's root."""

    layout: Layout
    record: Record

    @staticmethod
    def create(layout: Layout, network: Network, blueprint: Blueprint) -> VirtualNode:
        """Make a node, or return the one of this name; the master's SSH key is authorised for its root."""
        if not NAME.fullmatch(blueprint.name):
            raise ValueError(f"{blueprint.name!r} is not a name for a node: a-z, 0-9 and -, 63 at most")
        above = Places.of(layout, blueprint.name).folder.parent
        above.mkdir(parents=True, exist_ok=True)
        above.chmod(0o700)  # below are whole trees, their set-user-id programs with them
        with held(above):
            known = VirtualNode.find(layout, blueprint.name)
            return known or VirtualNode._make(layout, network, blueprint)

    @staticmethod
    def _make(layout: Layout, network: Network, blueprint: Blueprint) -> VirtualNode:
        """The record last: a folder without one is what an interruption left."""
        name = blueprint.name
        places = Places.of(layout, name)
        shutil.rmtree(places.folder, ignore_errors=True)
        for folder in (places.upper, places.work, places.tree, places.disk):
            folder.mkdir(parents=True)
        key = make_folder(places.upper, Path("etc/ssh")) / "ssh_host_ed25519_key"
        record = Record(
            name=name,
            address=blueprint.address
            or choose_address(network.subnet, [node.record.address for node in all_nodes(layout)]),
            prefix=network.prefix,
            gateway=network.gateway,
            bridge=network.bridge,
            memory=blueprint.size.memory,
            cpus=blueprint.size.cpus,
            machine_id=uuid.uuid4().hex,
            host_key=make_key(key, f"root@{name}"),
            programs=tuple(str(path) for path in blueprint.programs),
        )
        public = master_key(layout).with_suffix(".pub").read_text().strip()
        fill(places, files(record, (public,), blueprint.services))
        save(places.record, record)
        return VirtualNode(layout, record)

    @staticmethod
    def find(layout: Layout, name: str) -> VirtualNode | None:
        """The node of this name, if there is one."""
        row = load(Places.of(layout, name).record)
        return VirtualNode(layout, Record.of(row)) if row else None

    @property
    def places(self) -> Places:
        return Places.of(self.layout, self.record.name)

    @property
    def group(self) -> str:
        return f"wherry/{tag(self.layout)}/{self.record.name}"

    @property
    def enrolment(self) -> Enrolment:
        return Enrolment(self.record.name, self.record.host_key)

    @property
    def process(self) -> Process | None:
        """The node's running PID 1, as the host sees it; None when the node is off."""
        row = load(self.places.process)
        process = Process(**row) if row else None
        return process if process and process.alive else None

    def start(self) -> bool:
        """Switch the node on; False where it runs already.  ValueError says why it did not start; nothing runs then."""
        with held(self.places.folder):
            if self.process:
                return False
            self._sweep()
            try:
                self._launch()
            except BaseException:
                self._stop()
                raise
        return True

    def _launch(self) -> None:
        make_group(self.group, Size(self.record.memory, self.record.cpus))
        order = {
            "name": self.record.name,
            "folder": str(self.places.folder),
            "hidden": str(self.layout.root.absolute()),
            "group": self.group,
            "programs": list(self.record.programs),
            "ip": inside_batch(self.record),
        }
        launch(order, self)

    def kill(self) -> bool:
        """Pull the plug: every process of the node ends at once, its disk stays; False where it was off."""
        with held(self.places.folder):
            return self._stop()

    def _stop(self) -> bool:
        process = self.process
        if process:
            end_process(process)
        self._sweep()
        return process is not None

    def destroy(self) -> bool:
        """Leave nothing of the node; False where it was off."""
        with held(self.places.folder):
            was_on = self._stop()
            shutil.rmtree(self.places.folder)
        return was_on

    def console_command(self, argv: Sequence[str]) -> list[str]:
        """What to run on the host for a command to run on the node, as root at its console; ValueError when it is off."""
        process = self.process
        if not process:
            raise ValueError(f"{self.record.name} is off")
        target = ("--target", str(process.pid), "--all", "--wdns=/")
        return ["sh", "-c", ENTER, "sh", *map(str, doors(self.group)), *target, "--", *argv]

    def run(self, argv: Sequence[str], check: bool = True, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command on the node and wait for it."""
        words = self.console_command(argv)
        return subprocess.run(words, capture_output=True, text=True, check=check, timeout=seconds)

    def install(self, service: Service) -> None:
        """Keep a service running on the node; one of this name is replaced."""
        path = f"/etc/wherry/services/{service.name}.toml"
        self.run(["sh", "-c", 'printf %s "$2" > "$1"', "sh", path, render_service(service)])
        self.run(["wherry-supervise", "restart", service.name])

    def _sweep(self) -> None:
        """Clear what a dead node leaves on the host: cable, cgroup, record of its process."""
        link = link_name(self.record.bridge, self.record.name)
        if link_exists(link):
            remove_link(link)
        remove_group(self.group)
        self.places.process.unlink(missing_ok=True)


def all_nodes(layout: Layout) -> list[VirtualNode]:
    """Every node of this root, sorted by name."""
    names = sorted(path.parent.name for path in (layout.state / "virtual").glob("*/node.json"))
    return [node for name in names if (node := VirtualNode.find(layout, name))]


def launch(order: dict[str, Any], node: VirtualNode) -> None:
    """Hold the two conversations of `launching`: its pid, then the cable."""
    with subprocess.Popen(
        [sys.executable, "-m", "provisioning.virtual.launching"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as launcher:
        assert launcher.stdin and launcher.stdout and launcher.stderr
        launcher.stdin.write(json.dumps(order) + "\n")
        launcher.stdin.flush()
        pid = launcher.stdout.readline().strip()
        process = Process.of(int(pid)) if pid else None
        if process:
            save(node.places.process, process)
        if not process or launcher.stdout.readline() != "mounted\n":
            raise ValueError(f"{node.record.name} did not start: {launcher.stderr.read().strip()}")
        apply_batch(cable_batch(node.record, process.pid))
        launcher.stdin.write("go\n")
        launcher.stdin.flush()
        trouble = launcher.stderr.read().strip()
    if trouble or not process.alive:
        raise ValueError(f"{node.record.name} did not start: {trouble}")


def end_process(process: Process) -> None:
    """Kill a node's PID 1 and wait until the kernel has ended all of its namespace."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process.alive:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        if not select.select([handle], [], [], DEATH_SECONDS)[0]:
            raise ValueError(f"process {process.pid} does not end")
    finally:
        os.close(handle)
