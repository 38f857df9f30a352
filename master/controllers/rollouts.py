"""Rollouts, the arithmetic: how many pods each ReplicaSet of a Deployment should have next.

Pure; ReplicaSets are plain objects.  `next_scale` is the whole decision: sizes to set now, by name of ReplicaSet.  Each
step keeps at least `replicas - maxUnavailable` pods available and at most `replicas + maxSurge` in all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from master.controllers.objects import Object

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = frozenset(
    (
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        REVISION,
        HISTORY,
        DESIRED,
        MAXIMUM,
    )
)
SAFE_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and nothing that looks like another: no words appear in names."""


class Bounds(NamedTuple):
    """How far a rolling update may go above and below the wanted number."""

    surge: int
    unavailable: int


def replicas_of(obj: Object) -> int:
    return int(obj["spec"].get("replicas", 1))


def available_of(replica_set: Object) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def is_recreate(deployment: Object) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def bounds(deployment: Object) -> Bounds:
    """Percentages are of `replicas`: surge rounded up, unavailable down; both nought would never move."""
    if is_recreate(deployment):
        return Bounds(0, 0)
    total = replicas_of(deployment)
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), total, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), total, up=False)
    return Bounds(surge, unavailable if surge or unavailable else 1)


def _share(value: Any, total: int, up: bool) -> int:
    if isinstance(value, str):
        percent = int(value.removesuffix("%")) * total
        return -(-percent // 100) if up else percent // 100
    return int(value)


def template_hash(template: Object, collisions: int = 0) -> str:
    """A short name of a template; another number of collisions gives another one."""
    text = orjson.dumps([template, collisions], option=orjson.OPT_SORT_KEYS)
    number = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
    return "".join(SAFE_LETTERS[ord(digit) % len(SAFE_LETTERS)] for digit in str(number))


def without_hash(template: Object) -> Object:
    meta = dict(template.get("metadata") or {})
    meta["labels"] = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH_LABEL}
    meta.pop("creationTimestamp", None)
    return {**template, "metadata": meta}


def find_new(deployment: Object, sets: Sequence[Object]) -> Object | None:
    """The ReplicaSet of the present template; the oldest where several are."""
    wanted = without_hash(deployment["spec"]["template"])
    equal = [item for item in sets if without_hash(item["spec"]["template"]) == wanted]
    return min(equal, key=_created, default=None)


def old_sets(sets: Sequence[Object], new: Object | None) -> list[Object]:
    """All but the new one, oldest first."""
    uid = new["metadata"]["uid"] if new is not None else ""
    return sorted((item for item in sets if item["metadata"]["uid"] != uid), key=_created)


def revision_of(obj: Object) -> int:
    text = (obj["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def initial_size(deployment: Object, old: Sequence[Object]) -> int:
    """How many pods a new ReplicaSet may start with beside those that are there."""
    return _grown(deployment, 0, sum(map(replicas_of, old)))


def _grown(deployment: Object, size: int, total: int) -> int:
    wanted = replicas_of(deployment)
    if is_recreate(deployment):
        return wanted
    room = wanted + bounds(deployment).surge - total
    return size + max(0, min(room, wanted - size))


def is_scaling(deployment: Object, sets: Sequence[Object]) -> bool:
    """Whether `replicas` changed since the ReplicaSets were last sized."""
    wanted = str(replicas_of(deployment))
    return any(
        (item["metadata"].get("annotations") or {}).get(DESIRED, wanted) != wanted
        for item in sets
        if replicas_of(item) > 0
    )


def next_scale(deployment: Object, new: Object | None, old: Sequence[Object], old_runs: bool = False) -> dict[str, int]:
    """Sizes that differ from the present ones, by name; empty when this step has nothing to change.

    `old_runs`: pods of old ReplicaSets are still there, which Recreate waits for.
    """
    everything = [*old, *([new] if new is not None else [])]
    if deployment["spec"].get("paused") or is_scaling(deployment, everything):
        return scale_in_proportion(deployment, new, old)
    if is_recreate(deployment):
        down = {_name(item): 0 for item in old if replicas_of(item)}
        return down or ({} if old_runs else _sized(new, replicas_of(deployment)))
    return _roll(deployment, new, old)


def _roll(deployment: Object, new: Object | None, old: Sequence[Object]) -> dict[str, int]:
    if new is None:
        return {}
    size, wanted = replicas_of(new), replicas_of(deployment)
    total = size + sum(map(replicas_of, old))
    target = wanted if size > wanted else _grown(deployment, size, total)
    return _sized(new, target) or _shrink_old(deployment, new, old)


def _shrink_old(deployment: Object, new: Object, old: Sequence[Object]) -> dict[str, int]:
    """First those that do not work anyway, then as many as may be missing."""
    sizes = {_name(item): replicas_of(item) for item in old}
    least = replicas_of(deployment) - bounds(deployment).unavailable
    spare = replicas_of(new) + sum(sizes.values()) - least - (replicas_of(new) - available_of(new))
    if spare <= 0 or not any(sizes.values()):
        return {}
    for item in old:
        down = max(0, min(spare, sizes[_name(item)] - available_of(item)))
        sizes[_name(item)] -= down
        spare -= down
    surplus = available_of(new) + sum(map(available_of, old)) - least
    for item in old:
        down = max(0, min(surplus, sizes[_name(item)]))
        sizes[_name(item)] -= down
        surplus -= down
    return {_name(item): sizes[_name(item)] for item in old if sizes[_name(item)] != replicas_of(item)}


def scale_in_proportion(deployment: Object, new: Object | None, old: Sequence[Object]) -> dict[str, int]:
    """`replicas` changed (in the middle of a rollout, perhaps): every ReplicaSet keeps its share."""
    wanted = replicas_of(deployment)
    everything = [*old, *([new] if new is not None else [])]
    active = [item for item in everything if replicas_of(item) > 0]
    if len(active) <= 1:
        only = active[0] if active else new if new is not None else (old[-1] if old else None)
        return _sized(only, wanted)
    if new is not None and replicas_of(new) == wanted == available_of(new):
        return {_name(item): 0 for item in old if replicas_of(item)}
    if is_recreate(deployment):
        return {}
    return _proportions(deployment, active)


def _proportions(deployment: Object, active: list[Object]) -> dict[str, int]:
    wanted = replicas_of(deployment)
    allowed = wanted + bounds(deployment).surge if wanted else 0
    to_add = allowed - sum(map(replicas_of, active))
    newest_first = to_add > 0
    ordered = sorted(sorted(active, key=_created, reverse=newest_first), key=replicas_of, reverse=True)
    sizes: dict[str, int] = {}
    added = 0
    for item in ordered:
        share = _fraction(deployment, item, allowed)
        left = to_add - added
        step = min(share, left) if to_add > 0 else max(share, left)
        step = step if to_add else 0
        sizes[_name(item)] = replicas_of(item) + step
        added += step
    first = _name(ordered[0])
    sizes[first] = max(0, sizes[first] + to_add - added)
    return {_name(item): sizes[_name(item)] for item in ordered if sizes[_name(item)] != replicas_of(item)}


def _fraction(deployment: Object, item: Object, allowed: int) -> int:
    """How much a ReplicaSet grows or shrinks so that its part of the whole stays."""
    size = replicas_of(item)
    annotated = (item["metadata"].get("annotations") or {}).get(MAXIMUM, "")
    before = int(annotated) if annotated.isdigit() else (deployment.get("status") or {}).get("replicas", 0)
    return round(size * allowed / before) - size if before and allowed else -size


def _sized(item: Object | None, size: int) -> dict[str, int]:
    return {_name(item): size} if item is not None and replicas_of(item) != size else {}


def _name(item: Object) -> str:
    return str(item["metadata"]["name"])


def _created(item: Object) -> tuple[str, str]:
    return item["metadata"].get("creationTimestamp", ""), item["metadata"]["name"]
