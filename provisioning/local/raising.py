"""The order of `master up`: network, master beside virtual nodes beside images, joining, the sample, its answers.

Every step finds what is there and does only what is missing, so a second run changes nothing and an interrupted one is
taken up where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kube import config as settings
from kube.client import Client
from kube.config import MasterConfig
from kube.kinds import kind_of
from kube.layout import Layout
from provisioning.etcd.choosing import ChoiceError, chosen
from provisioning.etcd.member import data_folder, member_service
from provisioning.hearing import join_all_proven
from provisioning.here import join_here, own_name, routed_address
from provisioning.images.keeping import archive_path
from provisioning.images.loading import load_archive
from provisioning.local import preflight, sample
from provisioning.local.contract import Outcome, Wanted
from provisioning.local.parts import (
    hold,
    link_kubeconfig,
    make_images,
    make_programs,
    raise_master,
    raise_nodes,
)
from provisioning.local.reporting import Steps, Trouble
from provisioning.local.supervised import keeper_of, settings_file
from provisioning.virtual.network import Network, ensure_network, kept_network, link_exists
from provisioning.virtual.nodes import VirtualNode

NODE = kind_of({"apiVersion": "v1", "kind": "Node"})
POD = kind_of({"apiVersion": "v1", "kind": "Pod"})
SAMPLE_SECONDS, ANSWER_SECONDS = 60.0, 30.0
REPLICAS_A_NODE = 2


async def raise_cluster(wanted: Wanted, steps: Steps) -> Outcome:
    """Everything, in order; Trouble says what stands in the way."""
    layout = wanted.layout
    look(wanted, steps)
    network = await ready_ground(wanted, steps)
    nodes = await raise_parts(wanted, network, steps)
    outcome = Outcome(link_kubeconfig(layout))
    async with Client.from_kubeconfig(layout.admin_conf) as client:
        await join_nodes(wanted, client, nodes, steps)
        await hand_images(layout, client, steps)
        listeners = {node.record.name: sample.run_on(node) for node in nodes}
        if wanted.this_machine:
            listeners[own_name()] = sample.run_here
        if listeners and wanted.sample:
            await raise_sample(client, listeners, steps, outcome)
        outcome.nodes, _ = await client.list(NODE)
        outcome.pods, _ = await client.list(POD)
    return outcome


def look(wanted: Wanted, steps: Steps) -> None:
    """Refuse before anything is changed."""
    with steps.step("look at this machine") as step:
        preflight.need_root()
        path = settings_file(wanted.layout)
        config = with_store(wanted, settings.read_master(path))
        kept = kept_network(wanted.layout)
        keepers = (keeper_of(wanted.layout), keeper_of(wanted.layout, member_service(wanted.layout, config)))
        facts = preflight.gather(
            config, wanted.layout.root, any(keeper.runs() for keeper in keepers), kept.subnet if kept else ""
        )
        preflight.check(facts, config, path)
        step.note = "fit"


def with_store(wanted: Wanted, config: MasterConfig) -> MasterConfig:
    """The settings with the store that is asked for; Trouble when the state lies elsewhere already."""
    begun = (wanted.layout.state / "store.db").exists() or data_folder(wanted.layout).exists()
    try:
        return chosen(config, wanted.store, begun, own_name())
    except ChoiceError as error:
        raise Trouble(str(error)) from error


async def ready_ground(wanted: Wanted, steps: Steps) -> Network | None:
    """The bridge, and settings that tell nodes to reach the master there."""
    path = settings_file(wanted.layout)
    before, old = with_store(wanted, settings.read_master(path)), kept_network(wanted.layout)
    network = None
    with steps.step("bridge and settings") as step:
        present = path.read_bytes() if path.exists() else b""
        there = not wanted.virtual_nodes or (old is not None and link_exists(old.bridge))
        if wanted.virtual_nodes:
            ranges = (before.cluster.pod_cidr, before.cluster.service_cidr)
            network = await asyncio.to_thread(ensure_network, wanted.layout, wanted.subnet, ranges)
        settings.write(advertised(before, network, old), path)
        note = f"{network.bridge} {network.subnet}" if network else ""
        step.done(not there or path.read_bytes() != present, note)
    return network


def advertised(config: MasterConfig, network: Network | None, old: Network | None = None) -> MasterConfig:
    """The settings with the bridge's address, and not its former one, among those that nodes reach the master by."""
    if network is None:
        return config
    others = (address for address in config.api.advertise if old is None or address != old.gateway)
    addresses = tuple(dict.fromkeys((*others, network.gateway)))
    return (
        config if addresses == config.api.advertise else replace(config, api=replace(config.api, advertise=addresses))
    )


async def raise_parts(wanted: Wanted, network: Network | None, steps: Steps) -> list[VirtualNode]:
    """What does not wait for one another: the master, the virtual nodes, the images.  The first error speaks for all."""
    try:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(raise_master(wanted.layout, steps))
            nodes = parts.create_task(asyncio.to_thread(raise_nodes, wanted, network, steps))
            parts.create_task(asyncio.to_thread(make_images, wanted.layout, steps))
            parts.create_task(asyncio.to_thread(make_programs, wanted.layout, steps))
    except ExceptionGroup as group:
        raise group.exceptions[0] from group
    return nodes.result()


async def join_nodes(wanted: Wanted, client: Client, nodes: Sequence[VirtualNode], steps: Steps) -> None:
    """The virtual nodes as they announce themselves, and this machine when it shall be a node."""

    def tell(name: str, title: str) -> None:
        steps.say(f"    {name}: {title}")

    if nodes:
        with steps.step("join them") as step:
            enrolments = [node.enrolment for node in nodes]
            joined = await join_all_proven(wanted.layout, client, enrolments, tell=tell)
            step.done(bool(joined), ", ".join(joined))
    if wanted.this_machine:
        with steps.step("this machine as a node") as step:
            kept = kept_network(wanted.layout)
            address = kept.gateway if kept else routed_address()
            done = await join_here(wanted.layout, client, address, wanted.taints, tell)
            step.done(done.changed, f"{done.name} {address}")


async def hand_images(layout: Layout, client: Client, steps: Steps) -> None:
    """The archive to each node that does not report its images."""
    with steps.step("images to the nodes") as step:
        nodes, _ = await client.list(NODE)
        lacking = {str(node["metadata"]["name"]) for node in nodes if sample.IMAGE not in image_names(node)}
        loaded = [row async for row in load_archive(client, archive_path(layout), lacking)] if lacking else []
        for row in loaded:
            if row.problem:
                raise Trouble(f"{row.node}: {row.problem}")
        step.done(bool(loaded), ", ".join(row.node for row in loaded))


def image_names(node: dict[str, Any]) -> set[str]:
    """Every name of every image that a node reports."""
    return {name for image in node.get("status", {}).get("images") or () for name in image.get("names") or ()}


async def raise_sample(client: Client, listeners: dict[str, sample.Run], steps: Steps, outcome: Outcome) -> None:
    """The sample, ready, and what its Service answers on each of these machines."""
    with steps.step("sample") as step:
        changed = await sample.deploy(client, REPLICAS_A_NODE * len(listeners))
        await hold(lambda: sample.is_ready(client), SAMPLE_SECONDS, "the sample does not get ready: kubectl get pods")
        step.done(changed, "deployment/web service/web" if changed else "")
    with steps.step("its answer from each node") as step:
        outcome.address = await sample.address(client)

        async def heard() -> bool:
            asked = (asyncio.to_thread(sample.fetch, run, outcome.address) for run in listeners.values())
            said = await asyncio.gather(*asked)
            outcome.answers = dict(zip(listeners, said, strict=True))
            return all(said)

        await hold(heard, ANSWER_SECONDS, f"no answer at {outcome.address}: master doctor")
        step.note = f"http://{outcome.address}"
