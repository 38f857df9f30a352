"""Subresources that are more than a part of their object: binding, eviction; and the table of all that are.

The others (status, finalize, approval, ephemeralcontainers, resize) are read and written as their object is; what a
write through them may change is their strategy's to say.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from kube import kinds, selectors, times
from kube.decoding import EVICTION
from kube.disruptions import DISRUPTION_TARGET, disruption
from kube.errors import ApiError, Cause, bad_request, conflict, invalid
from master.api.calls import Call
from master.api.contract import Object
from master.api.deletion import check_preconditions
from master.api.entries import Entry
from master.api.options import Deletion, Writing, read_deletion
from master.api.passing import admit_part
from master.api.routing import NO_QUERY
from master.api.scaling import scale
from master.api.verbs import Rooms, Verb

BINDING = kinds.BUILT_IN[0]
BUDGETS = kinds.kind_of({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget"})
POD = kinds.kind_of({"apiVersion": "v1", "kind": "Pod"})
CREATED: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_VIOLATES = "Cannot evict pod as it would violate the pod's disruption budget."
_SEVERAL = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_PROTECTED_FROM_EVICTION = ("Succeeded", "Failed", "Pending")


# Binding


async def bind(rooms: Rooms, call: Call) -> web.StreamResponse:
    """POST pods/NAME/binding, and POST bindings, whose body names the pod."""
    writing = call.writing()
    binding = await call.object(BINDING, writing)
    name = call.info.name or (binding.get("metadata") or {}).get("name", "")
    await admit_part(rooms, call, POD, BINDING, binding, writing)
    target = binding.get("target") or {}
    _check_target(name, target)
    now = times.now()
    await rooms.registry.rewrite(
        POD, call.namespace, name, lambda pod: _bound(pod, binding, target["name"], now), writing.dry_run
    )
    return call.shown(CREATED, 201)


def _check_target(name: str, target: Object) -> None:
    if target.get("kind") not in (None, "", "Node"):
        said = f'Unsupported value: "{target["kind"]}": supported values: "Node", "<empty>"'
        raise invalid("Binding", name, [Cause("FieldValueNotSupported", said, "target.kind")])
    if not target.get("name"):
        raise invalid("Binding", name, [Cause("FieldValueRequired", "Required value", "target.name")])


def _bound(pod: Object, binding: Object, node: str, now: str) -> None:
    meta, spec, wanted = pod["metadata"], pod["spec"], binding.get("metadata") or {}
    name = meta["name"]
    for key in ("uid", "resourceVersion"):
        if wanted.get(key) and wanted[key] != meta.get(key):
            raise conflict("pods/binding", name, f"the {key} in the precondition does not match the pod's")
    if meta.get("deletionTimestamp"):
        raise conflict("pods/binding", name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise conflict("pods/binding", name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise conflict("pods/binding", name, f"pod {name} has non-empty .spec.schedulingGates")
    spec["nodeName"] = node
    for key in ("annotations", "labels"):
        if wanted.get(key):
            meta.setdefault(key, {}).update(wanted[key])
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    conditions[:] = [one for one in conditions if one["type"] != "PodScheduled"] + [scheduled]


# Eviction


async def evict(rooms: Rooms, call: Call) -> web.StreamResponse:
    writing = call.writing()
    eviction = await call.object(EVICTION, writing)
    name = (eviction.get("metadata") or {}).get("name") or call.info.name
    if name != call.info.name:
        raise bad_request(f"name in URL does not match name in Eviction object: {name} {call.info.name}")
    await admit_part(rooms, call, POD, EVICTION, eviction, writing)
    deletion = read_deletion(NO_QUERY, eviction.get("deleteOptions") or {})
    pod = await rooms.registry.get(POD, call.namespace, name)
    dry_run = deletion.dry_run or writing.dry_run
    await _spend_budget(rooms, pod, dry_run)
    now = times.now()
    await rooms.registry.rewrite(POD, call.namespace, name, lambda pod: _disrupt(pod, deletion, now), dry_run)
    deletion = replace(deletion, revision="")  # Checked just before we raised it.
    own = Writing(call.user, dry_run=deletion.dry_run, warn=call.warn)
    await rooms.registry.delete(POD, call.namespace, name, deletion, own)
    return call.shown(CREATED, 201)


def _disrupt(pod: Object, deletion: Deletion, now: str) -> None:
    """Write on the pod why it goes, which a Job's failure policy reads."""
    check_preconditions(POD, pod, deletion)
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    before: Object = next((one for one in conditions if one["type"] == DISRUPTION_TARGET), {})
    since = before.get("lastTransitionTime", now) if before.get("status") == "True" else now
    generation = pod["metadata"].get("generation", 0)
    target = disruption(generation, "EvictionByEvictionAPI", "Eviction API: evicting", since)
    conditions[:] = [one for one in conditions if one is not before] + [target]


async def _spend_budget(rooms: Rooms, entry: Entry, dry_run: bool) -> None:
    """Take one disruption from the budget that covers the pod; 429 when it has none left."""
    pod = entry.decode()
    phase = (pod.get("status") or {}).get("phase")
    if pod["metadata"].get("deletionTimestamp") or phase in _PROTECTED_FROM_EVICTION:
        return
    budgets = [one for one in rooms.registry.cache.list(BUDGETS, entry.namespace) if _covers(one, entry)]
    if len(budgets) > 1:
        raise ApiError(500, "InternalError", _SEVERAL)
    if not budgets or _may_go_anyway(pod, budgets[0]):
        return
    now = times.now()
    await rooms.registry.rewrite(
        BUDGETS,
        entry.namespace,
        budgets[0]["metadata"]["name"],
        lambda budget: _spend(budget, entry.name, now),
        dry_run,
    )


def _covers(budget: Object, pod: Entry) -> bool:
    selector = (budget.get("spec") or {}).get("selector")
    return selector is not None and selectors.from_object(selector).matches(pod.labels)


def _may_go_anyway(pod: Object, budget: Object) -> bool:
    """An unready pod is not among the healthy ones a budget counts."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
        return False
    status = budget.get("status") or {}
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    return bool(status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0)


def _spend(budget: Object, pod: str, now: str) -> None:
    meta, status = budget["metadata"], budget.setdefault("status", {})
    if status.get("observedGeneration", 0) < meta.get("generation", 0):
        said = f"The disruption budget {meta['name']} is still being processed by the server."
        raise _refused(said, 10)
    if status.get("disruptionsAllowed", 0) <= 0:
        wanted, found = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _refused(f"The disruption budget {meta['name']} needs {wanted} healthy pods and has {found} currently")
    status["disruptionsAllowed"] -= 1
    status.setdefault("disruptedPods", {})[pod] = now


def _refused(why: str, retry: int = 0) -> ApiError:
    details = {"retryAfterSeconds": retry} if retry else {}
    return ApiError(429, "TooManyRequests", _VIOLATES, [Cause("DisruptionBudget", why)], details)


SUBRESOURCES: dict[tuple[str, str, str], Verb] = {
    ("", "*", "scale"): scale,
    ("", "pods", "binding"): bind,
    ("", "pods", "eviction"): evict,
    ("", "bindings", ""): bind,
}
"""(group, plural, subresource) → what serves it; the plural `*` is every kind that has it."""
