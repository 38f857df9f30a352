"""The agent, put together: one client, one runtime, and the rooms that share them.

informers (pods of this node, Services, EndpointSlices, Nodes)
    pods ─▶ agent.pods ─▶ agent.runtime      Services, slices ─▶ ServiceTable ─▶ agent.proxy, the DNS table's file
    NetworkPolicies ─▶ agent.policy
    Nodes ─▶ agent.network                   agent.node: Node status and Lease      agent.api: 10250, 10256
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from aiohttp import web

from agent.api.access import Access
from agent.api.diagnosing import Diagnostics
from agent.api.sampling import Sampler
from agent.api.server import NodeApi, health_app, serve, tls_context
from agent.api.telling import Numbers
from agent.dns import settings
from agent.dns.tables import publish
from agent.keeping import KEPT_FILE, KEY_FILE, essences
from agent.keeping.keeper import Keeper
from agent.keeping.sealing import Seal
from agent.keeping.shelf import Shelf
from agent.machine import Machine, release
from agent.network.announcements import Announcements
from agent.network.running import Network
from agent.node.capacity import Capacity, LoadMeter, capacity
from agent.node.collecting import Collector, Rule
from agent.node.evicting import Evictor, Say
from agent.node.objects import Identity, Kept, resources
from agent.node.running import NodeKeeper
from agent.node.thresholds import Judge, thresholds
from agent.placing import Placing
from agent.pods.agent import PodAgent
from agent.pods.images import images_of
from agent.pods.places import NodeFacts, Paths, parse_resolv_conf
from agent.pods.rotating import LogLimits
from agent.policy.running import following
from agent.proxy.kernel import Iptables, detect, rules_elsewhere
from agent.proxy.rules import Place
from agent.proxy.running import Proxy
from agent.services import Key, ServiceTable
from kube.client import Client
from kube.config import AgentConfig
from kube.events import WARNING, About, Recorder
from kube.informers import Informer, unmanaged
from kube.kinds import known
from kube.layout import Layout
from probes import boards, cgroups

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 0.2  # changes of the service table within it reach the DNS process together
RESOLV_CONF = Path("/etc/resolv.conf")
COMPONENT = "kubelet"  # what clients know as the source of a node's events


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files of this node: its client certificate, its serving certificate, the cluster's authority."""

    authority: Path
    certificate: Path
    key: Path
    serving_certificate: Path
    serving_key: Path

    @staticmethod
    def of(layout: Layout, config: AgentConfig) -> Credentials:
        def path(given: str, name: str) -> Path:
            return Path(given) if given else layout.config / name

        master = config.master
        return Credentials(
            path(master.ca, "ca.crt"),
            path(master.certificate, "node.crt"),
            path(master.key, "node.key"),
            layout.config / "serving.crt",
            layout.config / "serving.key",
        )


@dataclass
class Services:
    """The service table, kept from the API, and the file that the DNS process reads."""

    table: ServiceTable
    proxy: Proxy
    file: Path
    informers: tuple[Informer, Informer]
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        services, slices = self.informers
        services.on_change(lambda event, old, new: self._heard(self.table.apply_service(event, new or old)))
        slices.on_change(lambda event, old, new: self._heard(self.table.apply_slice(event, new or old)))

    def _heard(self, keys: set[Key]) -> None:
        if keys:
            self.proxy.changed(keys)
            self._changed.set()

    async def run(self) -> None:
        """The proxy starts when the first lists are in, so that it never takes down what a restart should leave alone."""
        for informer in self.informers:
            await informer.usable.wait()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.proxy.run())
            tasks.create_task(self._publish())

    async def _publish(self) -> None:
        while True:
            self._changed.clear()
            publish(self.file, self.table)
            await self._changed.wait()
            await asyncio.sleep(PUBLISH_SECONDS)


def own_address(servers: tuple[str, ...], given: str) -> str:
    """The address that this machine reaches the master from; the kernel's routing knows it, no packet is sent."""
    if given:
        return given
    host, _, port = servers[0].removeprefix("https://").rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host.strip("[]"), int(port.rstrip("/"))))
        return str(probe.getsockname()[0])


async def run(layout: Layout, config: AgentConfig) -> None:
    """Until cancelled.  Pods are left as they are: an agent's restart touches none."""
    name = config.node.name or boards.board().hostname
    files = Credentials.of(layout, config)
    client = Client(
        servers=config.master.servers,
        ca=files.authority,
        cert=files.certificate,
        key=files.key,
        user_agent="wherry-agent",
    )
    async with client, Placing(config.runtime.endpoint, layout.run / "cni") as runtime:
        await Agent(layout, config, name, files, client, runtime).run()


@dataclass
class Agent:
    """Everything of one node, made from its settings."""

    layout: Layout
    config: AgentConfig
    name: str
    files: Credentials
    client: Client
    runtime: Placing

    async def run(self) -> None:
        limits = cgroups.limits()
        meter = LoadMeter(self.layout.root, limits)
        copies = self._copies()
        nodes = Informer(self.client, known("v1", "Node"), project=essences.node)
        network = Network(
            self.name,
            lambda: nodes.store.values(),
            self.config.cluster.service_cidr,
            cni_directory=self.layout.root / "etc/cni/net.d",
            leases=self.layout.run / "cni",
        )
        machine = Machine(self.runtime, network, meter, self._capacity, self.layout.root, release())
        events = Recorder(self.client, COMPONENT, self.name)
        say = partial(events.record, About("v1", "Node", "", self.name, self.name))
        keeper = self._keeper(machine, meter, say, nodes)
        services = await self._services(say)
        bound = Informer(self.client, known("v1", "Pod"), fields=f"spec.nodeName={self.name}", project=unmanaged)
        pods = PodAgent(
            self.client,
            self.runtime,
            bound,
            self._node_facts,
            Paths(pods=self.layout.state / "pods", logs=self.layout.root / "var/log/pods"),
            services=lambda: services.informers[0].store.values(),
            own_node=lambda: nodes.store.get(("", self.name)),
            manifests=self.layout.config / "manifests",
            log_limits=LogLimits(self.config.node.log_megabytes << 20, self.config.node.log_files),
            kept=copies,
        )
        self.runtime.known = partial(address_of, bound)
        collector = self._collector(machine, pods, say)
        evictor = self._evictor(machine, pods, collector, say)
        machine.pressures = evictor.pressures
        policies = Informer(self.client, known("networking.k8s.io/v1", "NetworkPolicy"), project=unmanaged)
        names = self._names()
        for informer in (nodes, bound, policies, names, *services.informers):
            copies.follow(informer, informer.kind.kind)
        isolation = following(policies, bound, services.informers[1], services.proxy.kernel)
        announcements = Announcements(self.name, lambda: services.table)
        services.informers[0].on_change(announcements.service_changed)
        nodes.on_change(services.proxy.node_changed)
        nodes.on_change(keeper.node_changed)
        nodes.on_change(lambda *_change: network.changed())
        runners = await self._listen(pods, services.proxy, keeper, Sampler(machine.look))
        try:
            async with asyncio.TaskGroup() as tasks:
                for work in (
                    nodes.run(),
                    bound.run(),
                    *(i.run() for i in services.informers),
                    network.run(),
                    services.run(),
                    policies.run(),
                    names.run(),
                    isolation.run(),
                    announcements.run(),
                    copies.run(),
                    events.run(),
                    evictor.run(),
                    collector.run(),
                ):
                    tasks.create_task(work)
                tasks.create_task(keeper.run())
                tasks.create_task(_tell_when_ready(network, keeper))
                tasks.create_task(pods.run())
        finally:
            for runner in runners:
                await runner.cleanup()

    def _copies(self) -> Keeper:
        """What is kept for the time when no master answers."""
        seal = Seal.of(self.layout.config / KEY_FILE, self.files.authority.read_bytes())
        return Keeper(Shelf(self.layout.state / KEPT_FILE, seal))

    def _node_facts(self) -> NodeFacts:
        """What pods may know of this node; asked each time, since addresses and resolvers change."""
        has = self._capacity
        _, allocatable = resources(has, self.config.node.max_pods, self._kept)
        return NodeFacts(
            name=self.name,
            ips=(own_address(self.config.master.servers, self.config.node.address),),
            cluster_dns=(self.config.cluster.dns,),
            cluster_domain=self.config.cluster.domain,
            host_dns=parse_resolv_conf(_text(RESOLV_CONF)),
            allocatable=allocatable,
            memory=has.memory,
            cpus=has.cpus,
            cgroup_root=self.config.runtime.cgroup,
            seccomp=str(self.layout.root / "var/lib/kubelet/seccomp"),
        )

    @cached_property
    def _capacity(self) -> Capacity:
        return capacity(self.layout.root, cgroups.limits())

    @cached_property
    def _kept(self) -> Kept:
        return Kept(self.config.node.reserved, thresholds(self.config.eviction.hard, {}, {}))

    def _collector(self, machine: Machine, pods: PodAgent, say: Say) -> Collector:
        given = self.config.images

        def wanted() -> list[str]:
            named = [image for pod in pods.pods() for image in images_of(pod)]
            return [self.config.runtime.pause_image, *named]

        rule = Rule(given.high_percent, given.low_percent, given.age_seconds)
        return Collector(self.runtime, rule, lambda: machine.levels()["imagefs.available"], wanted, say)

    def _evictor(self, machine: Machine, pods: PodAgent, collector: Collector, say: Say) -> Evictor:
        given = self.config.eviction
        judge = Judge(thresholds(given.hard, given.soft, given.soft_grace), given.transition_seconds)
        looks = (machine.levels, machine.uses, pods.pods)
        return Evictor(judge, *looks, collector.reclaim, pods.evict, say, given.pod_grace_seconds)

    def _keeper(self, machine: Machine, meter: LoadMeter, say: Say, nodes: Informer) -> NodeKeeper:
        node = self.config.node
        identity = Identity(
            name=self.name,
            address=own_address(self.config.master.servers, node.address),
            architecture=boards.board().architecture,
            labels=node.labels,
            taints=node.taints,
            max_pods=node.max_pods,
            port=self.config.server.port,
            kept=self._kept,
        )
        looks = (machine.health, machine.info, machine.images)
        own_node = partial(nodes.store.get, ("", self.name))
        return NodeKeeper(self.client, identity, self._capacity, meter, *looks, time.monotonic, say, own_node)

    def _names(self) -> Informer:
        """What an administrator adds to the cluster's names, handed on to the DNS process."""
        one = f"metadata.name={settings.NAME}"
        names = Informer(self.client, known("v1", "ConfigMap"), settings.NAMESPACE, fields=one, project=unmanaged)
        file = self.layout.run / settings.FILE
        names.on_change(lambda _event, _old, new: settings.publish(file, (new or {}).get("data") or {}))
        return names

    async def _services(self, say: Say) -> Services:
        cluster = self.config.cluster
        table = ServiceTable()
        place = Place(self.name, cluster.pod_cidr, cluster.service_cidr, frozenset({cluster.dns}))
        backend = await detect()
        proxy = Proxy(table, Iptables(backend), place, time.monotonic, say=say)
        if left := await rules_elsewhere(backend):
            say(
                WARNING,
                "RulesElsewhere",
                f"{left} iptables rules are not in the {backend} backend, which we use: remove them",
            )
        informers = (
            Informer(self.client, known("v1", "Service"), project=unmanaged),
            Informer(self.client, known("discovery.k8s.io/v1", "EndpointSlice"), project=unmanaged),
        )
        return Services(table, proxy, self.layout.run / "services.json", informers)

    async def _listen(self, pods: PodAgent, proxy: Proxy, keeper: NodeKeeper, sampler: Sampler) -> list[web.AppRunner]:
        server = self.config.server
        access = Access(self.client, self.name, time.monotonic)
        tls = tls_context(str(self.files.serving_certificate), str(self.files.serving_key), str(self.files.authority))

        def images_changed() -> None:
            pods.images_changed()
            keeper.changed()

        told = Numbers(self.name, sampler, pods.pods, lambda: pods.probe_counts).handlers()
        told |= Diagnostics(self.config, self.runtime, self.layout.root / "var/log").handlers()
        api = NodeApi(access, pods, self.runtime, self.runtime, images_changed, told).app()

        def problem() -> str:
            return "" if proxy.synced.is_set() else "the service proxy has not written its rules yet"

        return [
            await serve(api, server.bind, server.port, tls),
            await serve(health_app(problem), server.bind, server.health_port, None),
        ]


def address_of(pods: Informer, namespace: str, name: str) -> str:
    """A pod's address as the API knows it, or knew it last."""
    status = (pods.store.get((namespace, name)) or {}).get("status") or {}
    return str(status.get("podIP") or "")


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


async def _tell_when_ready(network: Network, keeper: NodeKeeper) -> None:
    """The node is Ready as soon as its pods can have a network; the status need not wait for the next look."""
    await network.ready.wait()
    keeper.changed()
