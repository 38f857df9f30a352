"""The order of `master down`: virtual nodes, machines, this one, the master, the bridge; what is missing is passed over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from kube.layout import Layout
from provisioning.etcd import member as etcd
from provisioning.here import leave_here
from provisioning.local.reporting import Steps
from provisioning.local.supervised import keeper_of
from provisioning.supervising.services import Service
from provisioning.virtual.network import remove_network
from provisioning.virtual.nodes import VirtualNode, all_nodes
from provisioning.virtual.strays import end_strays
from provisioning.vms.machines import VirtualMachine, all_machines


def lower_cluster(layout: Layout, steps: Steps, destroy: bool = False) -> None:
    """Take everything down; `destroy` removes the virtual nodes' data too."""
    nodes = all_nodes(layout)
    with steps.step("virtual nodes") as step, ThreadPoolExecutor(max_workers=8) as workers:
        ended = list(workers.map(VirtualNode.destroy if destroy else VirtualNode.kill, nodes))
        names = [node.record.name for node, was_on in zip(nodes, ended, strict=True) if was_on]
        names += end_strays(layout)
        step.done(bool(names), ", ".join(names))
    with steps.step("virtual machines") as step:
        machines = all_machines(layout)
        ended = [VirtualMachine.destroy(row) if destroy else VirtualMachine.kill(row) for row in machines]
        step.done(any(ended), ", ".join(row.record.name for row, was_on in zip(machines, ended, strict=True) if was_on))
    with steps.step("this machine as a node") as step:
        step.done(leave_here(layout))
    with steps.step("master") as step:
        member = Service(etcd.SERVICE, ())  # to be stopped it needs only its name, whatever the settings say now
        ended = [keeper.stop() for keeper in (keeper_of(layout), keeper_of(layout, member))]
        step.done(any(ended))
    with steps.step("bridge") as step:
        step.done(remove_network(layout))
