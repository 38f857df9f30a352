"""What comes out of a decision about a pod: a place, or why it waits and what may help it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from master.scheduler.pods import Pod
from master.scheduler.volumes import NO_PLAN, Plan


class Cure(Enum):
    """What may let a waiting pod in."""

    NODE = "a node came or its facts changed"
    LEFT = "a pod left a node"
    CAME = "a pod came to a node"
    CLAIM = "a claim came or was bound"


@dataclass(frozen=True, slots=True)
class Placement:
    node: str
    score: float
    plan: Plan = NO_PLAN
    """Claims to be bound before the pod is."""


@dataclass(frozen=True, slots=True)
class Unschedulable:
    message: str
    cures: frozenset[Cure]
    keeps_promise: bool = False
    """Whether the node that the pod was promised is still being cleared for it."""


@dataclass(frozen=True, slots=True)
class Preemption:
    """The pod waits for `node`, which the victims, the most important first, are to leave."""

    message: str
    cures: frozenset[Cure]
    node: str
    victims: tuple[Pod, ...]


Waiting = Unschedulable | Preemption
Decision = Placement | Waiting
