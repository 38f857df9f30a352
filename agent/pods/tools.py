"""What the workers of all pods share: the seams to the runtime and the API, and the node's facts.  Given, never grabbed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agent.clocks import Clocks
from agent.pods.environment import Surroundings
from agent.pods.images import Images
from agent.pods.observed import Pod
from agent.pods.places import NodeFacts, Paths
from agent.pods.probing import Prober
from agent.pods.recording import Recorder
from agent.pods.references import References
from agent.pods.tokens import Tokens
from agent.pods.volumes.claims import Claims
from agent.runtime.contract import Runtime
from agent.runtime.endings import Recent
from kube.client import Client


@dataclass(frozen=True, slots=True)
class Tools:
    """`exits` are the containers that ended by the runtime's events, while CRI may still say that they run."""

    runtime: Runtime
    client: Client
    images: Images
    references: References
    tokens: Tokens
    claims: Claims
    recorder: Recorder
    exits: Recent
    prober: Prober
    paths: Paths
    node: Callable[[], NodeFacts]
    services: Callable[[], Iterable[Any]]
    own_node: Callable[[], Any]
    admitted: Callable[[], Iterable[Pod]]
    clocks: Clocks
    cgroups: bool = True

    def clock(self) -> float:
        """What everything waits by."""
        return self.clocks.steady()

    def surroundings(self, pod: Pod, ips: tuple[str, ...] = ()) -> Surroundings:
        node = self.node()
        return Surroundings(
            node_name=node.name,
            host_ips=node.ips,
            pod_ips=node.ips if pod["spec"].get("hostNetwork") else ips,
            allocatable=node.allocatable,
            objects=self.references.objects(pod["metadata"]["uid"]),
            services=tuple(self.services()),
        )
