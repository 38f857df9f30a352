"""What ranks the nodes that fit: one table of scores, each 0 to 100, and their weights.

All of them read the pod's shape and the one node only, so that a ranking refreshes a node without looking at the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kube.taints import PREFER_NO_SCHEDULE, first_untolerated
from master.scheduler.images import share
from master.scheduler.nodes import NodeInfo
from master.scheduler.pods import Shape

FULL = 100.0


class Score(NamedTuple):
    name: str
    of: Callable[[Shape, NodeInfo], float]
    weight: float


def _free(shape: Shape, info: NodeInfo) -> tuple[float, float]:
    """The shares of cpu and memory left free were the pod there; nothing said weighs like the default request."""
    allocatable = info.node.allocatable
    cpu, memory = allocatable.get("cpu", 0), allocatable.get("memory", 0)
    taken_cpu = info.scored_cpu + shape.scored.get("cpu", 0)
    taken_memory = info.scored_memory + shape.scored.get("memory", 0)
    return (
        max(0.0, 1 - taken_cpu / cpu) if cpu > 0 else 0.0,
        max(0.0, 1 - taken_memory / memory) if memory > 0 else 0.0,
    )


def least_allocated(shape: Shape, info: NodeInfo) -> float:
    cpu, memory = _free(shape, info)
    return FULL * (cpu + memory) / 2


def balanced(shape: Shape, info: NodeInfo) -> float:
    cpu, memory = _free(shape, info)
    return FULL * (1 - abs(cpu - memory) / 2)


def preferred_affinity(shape: Shape, info: NodeInfo) -> float:
    if not shape.preferred:
        return 0.0
    whole = sum(preference.weight for preference in shape.preferred)
    node = info.node
    met = sum(preference.weight for preference in shape.preferred if preference.term.matches(node.name, node.labels))
    return FULL * met / whole if whole else 0.0


def taint_preference(shape: Shape, info: NodeInfo) -> float:
    disliked = sum(
        first_untolerated((taint,), shape.tolerations, (PREFER_NO_SCHEDULE,)) is not None for taint in info.node.taints
    )
    return FULL / (1 + disliked)


def apart_from_siblings(shape: Shape, info: NodeInfo) -> float:
    return FULL / (1 + info.owners.get(shape.owner, 0)) if shape.owner else 0.0


def image_locality(shape: Shape, info: NodeInfo) -> float:
    return FULL * share(shape.images, info.node.images)


def calm(_shape: Shape, info: NodeInfo) -> float:
    """Live load as the agent measures it: requests decide what fits, this only ranks."""
    load = info.node.load
    return FULL * (1 - max(load.cpu, load.memory)) * (0.5 if load.throttled else 1.0)


SCORES: tuple[Score, ...] = (
    Score("NodeResourcesLeastAllocated", least_allocated, 1),
    Score("NodeResourcesBalancedAllocation", balanced, 1),
    Score("NodeAffinity", preferred_affinity, 2),
    Score("TaintToleration", taint_preference, 3),
    Score("SelectorSpread", apart_from_siblings, 2),
    Score("ImageLocality", image_locality, 1),
    Score("LiveLoad", calm, 0.5),
)


def score(shape: Shape, info: NodeInfo) -> float:
    return sum(weight * of(shape, info) for _name, of, weight in SCORES)
