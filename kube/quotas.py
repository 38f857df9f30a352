"""What objects count for against a ResourceQuota: pure arithmetic that admission and the controller share.

    usage(kind, obj) → {"pods": 1, "requests.cpu": 100m, "count/pods": 1, ...}
    covers(quota, kind, obj)       whether the quota's scopes take this object in
    constrained(quota, amounts)    the part of the amounts that the quota bounds

How it works: every object counts as `count/PLURAL.GROUP`, and `METERS` names a function for each kind that counts for more.
A pod that has ended holds nothing but its place in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kube import quantities
from kube.kinds import Kind
from kube.quantities import Quantity

Object = dict[str, Any]
Amounts = dict[str, Quantity]
Scope = tuple[str, str, tuple[str, ...]]
"""(name, operator, values), as an item of scopeSelector.matchExpressions."""

ENDED = ("Succeeded", "Failed")
ZERO, ONE = quantities.parse("0"), quantities.parse("1")
NAMED_COUNTS = frozenset(
    ("configmaps", "persistentvolumeclaims", "replicationcontrollers", "resourcequotas", "secrets", "services")
)
"""Kinds of the core group whose bare plural is a resource of quotas too."""
BARE = frozenset(("cpu", "memory", "ephemeral-storage"))
"""Resources whose requests are meant by their bare name."""
DEMANDED = frozenset(("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"))
"""Resources that every container has to name where a quota bounds them."""
CLASS_MARK = ".storageclass.storage.k8s.io/"


def usage(kind: Kind, obj: Object) -> Amounts:
    """All that the object counts for, whether anybody bounds it or not."""
    counted = {f"count/{kind.qualified}": ONE}
    if not kind.group and kind.plural in NAMED_COUNTS:
        counted[kind.plural] = ONE
    meter = METERS.get(kind.qualified)
    return counted | meter(obj) if meter else counted


def total(parts: Iterable[Amounts]) -> Amounts:
    sums: Amounts = {}
    for part in parts:
        for name, amount in part.items():
            sums[name] = sums[name] + amount if name in sums else amount
    return sums


def less(amounts: Amounts, taken: Amounts) -> Amounts:
    """The difference; what does not differ is left out."""
    names = amounts.keys() | taken.keys()
    differences = {name: amounts.get(name, ZERO) - taken.get(name, ZERO) for name in names}
    return {name: amount for name, amount in differences.items() if amount.nanos}


def parsed(texts: Mapping[str, str] | None) -> Amounts:
    return {name: quantities.parse(str(text)) for name, text in (texts or {}).items()}


def constrained(quota: Object, amounts: Amounts) -> Amounts:
    hard = quota["spec"].get("hard") or {}
    return {name: amount for name, amount in amounts.items() if name in hard}


# Pods


def pod_usage(pod: Object) -> Amounts:
    if (pod.get("status") or {}).get("phase") in ENDED:
        return {}
    found = {"pods": ONE}
    for name, amount in pod_total(pod["spec"], "requests").items():
        found[f"requests.{name}"] = amount
        if name in BARE or name.startswith("hugepages-"):
            found[name] = amount
    for name, amount in pod_total(pod["spec"], "limits").items():
        if "/" not in name:
            found[f"limits.{name}"] = amount
    return found


def pod_total(spec: Object, side: str) -> Amounts:
    """What a pod takes on its node: containers and sidecars together, or more while one starts; its overhead in any case."""
    running = total(_amounts(each, side) for each in spec.get("containers") or ())
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        own = _amounts(container, side)
        if container.get("restartPolicy") == "Always":
            sidecars = total((sidecars, own))
            peak = greater(peak, sidecars)
        else:
            peak = greater(peak, total((sidecars, own)))
    wanted = greater(total((running, sidecars)), peak) | _amounts(spec, side)
    overhead = parsed(spec.get("overhead"))
    if side == "limits":
        overhead = {name: amount for name, amount in overhead.items() if name in wanted}
    return total((wanted, overhead))


def greater(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one.get(name, ZERO), other.get(name, ZERO)) for name in one.keys() | other.keys()}


def _amounts(holder: Object, side: str) -> Amounts:
    return parsed((holder.get("resources") or {}).get(side))


def unnamed(quota: Object, pod: Object) -> str:
    """What containers of the pod do not say though the quota bounds it: `limits.cpu for: c; requests.cpu for: c,d`."""
    missing: dict[str, list[str]] = {}
    spec = pod["spec"]
    for name in sorted(DEMANDED & (quota["spec"].get("hard") or {}).keys()):
        side, _, resource = name.rpartition(".")
        if resource in _amounts(spec, side or "requests"):
            continue
        for field in ("containers", "initContainers"):
            for container in spec.get(field) or ():
                if resource not in _amounts(container, side or "requests"):
                    missing.setdefault(name, []).append(container["name"])
    return "; ".join(f"{name} for: {','.join(sorted(containers))}" for name, containers in missing.items())


# Services and claims


def service_usage(service: Object) -> Amounts:
    spec = service["spec"]
    kind, ports = spec.get("type"), spec.get("ports") or []
    balanced = kind == "LoadBalancer"
    given = len(ports) if kind == "NodePort" or (balanced and spec.get("allocateLoadBalancerNodePorts", True)) else 0
    if balanced and not given:
        given = sum(1 for port in ports if port.get("nodePort"))
    return {"services.nodeports": _number(given), "services.loadbalancers": _number(balanced)}


def claim_usage(claim: Object) -> Amounts:
    spec, status = claim["spec"], claim.get("status") or {}
    wanted = parsed((spec.get("resources") or {}).get("requests")).get("storage", ZERO)
    given = parsed(status.get("allocatedResources")).get("storage", ZERO)
    storage = max(wanted, given)
    found = {"requests.storage": storage}
    if name := class_of(claim):
        found |= {f"{name}{CLASS_MARK}requests.storage": storage, f"{name}{CLASS_MARK}persistentvolumeclaims": ONE}
    return found


def class_of(claim: Object) -> str:
    annotations = claim["metadata"].get("annotations") or {}
    return str(
        annotations.get("volume.beta.kubernetes.io/storage-class") or claim["spec"].get("storageClassName") or ""
    )


def _number(count: int) -> Quantity:
    return quantities.parse(str(int(count)))


METERS: dict[str, Callable[[Object], Amounts]] = {
    "pods": pod_usage,
    "services": service_usage,
    "persistentvolumeclaims": claim_usage,
}


# Scopes


def scopes_of(quota: Object) -> list[Scope]:
    spec = quota["spec"]
    found: list[Scope] = [(name, "Exists", ()) for name in spec.get("scopes") or ()]
    for item in (spec.get("scopeSelector") or {}).get("matchExpressions") or ():
        found.append((item["scopeName"], item["operator"], tuple(item.get("values") or ())))
    return found


def covers(quota: Object, kind: Kind, obj: Object) -> bool:
    """A quota without scopes covers everything; one with scopes only what each of them takes in."""
    scopes = scopes_of(quota)
    if not scopes:
        return True
    return kind.qualified in METERS and all(_takes_in(scope, kind, obj) for scope in scopes)


def _takes_in(scope: Scope, kind: Kind, obj: Object) -> bool:
    name, operator, values = scope
    known, has = SCOPES.get((kind.qualified, name)), CLASSES.get((kind.qualified, name))
    if known is not None:
        return known(obj)
    if has is None:
        return False
    found = has(obj)
    return {
        "Exists": bool(found),
        "DoesNotExist": not found,
        "In": bool(found & set(values)),
        "NotIn": not found & set(values),
    }[operator]


def _has_deadline(pod: Object) -> bool:
    return pod["spec"].get("activeDeadlineSeconds") is not None


def _is_best_effort(pod: Object) -> bool:
    return (pod.get("status") or {}).get("qosClass") == "BestEffort"


def _reaches_out(pod: Object) -> bool:
    """Whether a pod (anti-)affinity term speaks of other namespaces."""
    affinity = pod["spec"].get("affinity") or {}
    for side in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(side) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [each.get("podAffinityTerm") or {} for each in preferred]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False


def _priority_classes(pod: Object) -> set[str]:
    return set(filter(None, (pod["spec"].get("priorityClassName"),)))


def _attribute_classes(claim: Object) -> set[str]:
    status = claim.get("status") or {}
    target = (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName")
    names = (claim["spec"].get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"), target)
    return set(filter(None, names))


SCOPES: dict[tuple[str, str], Callable[[Object], bool]] = {
    ("pods", "Terminating"): _has_deadline,
    ("pods", "NotTerminating"): lambda pod: not _has_deadline(pod),
    ("pods", "BestEffort"): _is_best_effort,
    ("pods", "NotBestEffort"): lambda pod: not _is_best_effort(pod),
    ("pods", "CrossNamespacePodAffinity"): _reaches_out,
}
CLASSES: dict[tuple[str, str], Callable[[Object], set[str]]] = {
    ("pods", "PriorityClass"): _priority_classes,
    ("persistentvolumeclaims", "VolumeAttributesClass"): _attribute_classes,
}
"""Scopes that compare the names of classes by an operator."""
