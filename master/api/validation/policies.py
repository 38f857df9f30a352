"""What bounds and what guards: limits, quotas, disruption budgets, autoscalers, priorities, runtimes."""

from __future__ import annotations

from kube import names, quantities
from master.api.validation.labels import labels, selector
from master.api.validation.metadata import IMMUTABLE
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.resources import (
    STANDARD_FOR_QUOTA,
    check_amount,
    check_container_resource_name,
    check_quota_resource_name,
    check_resource_name,
)
from master.api.validation.rules import (
    Object,
    check,
    each,
    pointer_of,
    present,
    required,
)
from master.api.validation.scheduling import toleration
from master.api.validation.values import int_or_percent

SPEC = ROOT / "spec"


# LimitRanges

AMOUNTS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")
NAMED_TYPES = frozenset({"Pod", "Container", "PersistentVolumeClaim"})


def limit_range(obj: Object, out: Problems) -> None:
    seen: set[str] = set()
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or ()):
        here, kind = SPEC / "limits" / index, item.get("type") or ""
        _limit_type(kind, here / "type", out)
        if kind in seen:
            out.duplicate(here / "type", kind)
        seen.add(kind)
        for name in AMOUNTS:
            for resource, text in (item.get(name) or {}).items():
                test = check_container_resource_name if kind == "Container" else check_resource_name
                test(resource, (here / name)[resource], out)
                check_amount(resource, text, (here / name)[resource], out)
        _limits_in_order(item, kind, here, out)


def _limit_type(kind: str, at: Path, out: Problems) -> None:
    for detail in names.qualified_name(kind):
        out.invalid(at, kind, detail)
    if kind and "/" not in kind and kind not in NAMED_TYPES:
        out.invalid(at, kind, "must be a standard limit type or fully qualified")


# What may not exceed what, the field that is blamed, and the words for both.
ORDER = (
    ("min", "max", "min", "min", "max"),
    ("min", "defaultRequest", "defaultRequest", "min", "default request"),
    ("defaultRequest", "max", "defaultRequest", "default request", "max"),
    ("defaultRequest", "default", "defaultRequest", "default request", "default limit"),
    ("min", "default", "default", "min", "default"),
    ("default", "max", "default", "default", "max"),
)


def _limits_in_order(item: Object, kind: str, at: Path, out: Problems) -> None:
    if kind == "Pod":
        for name in ("default", "defaultRequest"):
            if item.get(name):
                out.forbidden(at / name, "may not be specified when `type` is 'Pod'")
    if kind == "PersistentVolumeClaim" and not any("storage" in (item.get(name) or {}) for name in ("min", "max")):
        out.required(at / "limits", "either minimum or maximum storage value is required, but neither was provided")
    for resource in dict.fromkeys(resource for name in AMOUNTS for resource in item.get(name) or ()):
        for low, high, blamed, less, more in ORDER:
            least, most = ((item.get(name) or {}).get(resource) for name in (low, high))
            if least is not None and most is not None and quantities.parse(least) > quantities.parse(most):
                said = f"{less} value {least} is greater than {more} value {most}"
                out.invalid((at / blamed)[resource], (item.get(blamed) or {})[resource], said)


# Quotas

SCOPES = frozenset(
    {
        "BestEffort",
        "CrossNamespacePodAffinity",
        "NotBestEffort",
        "NotTerminating",
        "PriorityClass",
        "Terminating",
        "VolumeAttributesClass",
    }
)
COMPUTE = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
# The standard resources a scope can count; a scope that is not here counts all.
COUNTED: dict[str, frozenset[str]] = {
    "BestEffort": frozenset({"pods"}),
    "NotBestEffort": COMPUTE | {"pods"},
    "NotTerminating": COMPUTE | {"pods"},
    "PriorityClass": COMPUTE | {"pods"},
    "Terminating": COMPUTE | {"pods"},
}
OPPOSED = (frozenset({"BestEffort", "NotBestEffort"}), frozenset({"Terminating", "NotTerminating"}))


def resource_quota(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    for name, text in (spec.get("hard") or {}).items():
        check_quota_resource_name(name, (SPEC / "hard")[name], out)
        check_amount(name, text, (SPEC / "hard")[name], out)
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in SCOPES:
            out.invalid(SPEC / "scopes", scopes, "unsupported scope")
        for name in sorted(spec.get("hard") or ()):
            if name in STANDARD_FOR_QUOTA and name not in COUNTED.get(scope, STANDARD_FOR_QUOTA):
                out.invalid(SPEC / "scopes", scopes, "unsupported scope applied to resource")
    if any(pair <= set(scopes) for pair in OPPOSED):
        out.invalid(SPEC / "scopes", scopes, "conflicting scopes")


def resource_quota_update(obj: Object, old: Object, out: Problems) -> None:
    resource_quota(obj, out)
    had, has = ((version.get("spec") or {}).get("scopes") or [] for version in (old, obj))
    if sorted(had) != sorted(has):
        out.invalid(SPEC / "scopes", has, IMMUTABLE)


# Disruption budgets

EVICTION = ("IfHealthyBudget", "AlwaysAllow")


def disruption_budget(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        out.invalid(SPEC, spec, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            int_or_percent(value, SPEC / name, out)
    check((selector("selector"), pointer_of("unhealthyPodEvictionPolicy", EVICTION)), spec, SPEC, out)


# Priorities and runtimes

HIGHEST_USER_PRIORITY = 1_000_000_000
SYSTEM_PREFIX = "system-"
SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def priority_class(obj: Object, out: Problems) -> None:
    name, value = (obj.get("metadata") or {}).get("name") or "", obj.get("value") or 0
    if name.startswith(SYSTEM_PREFIX):
        if SYSTEM_CLASSES.get(name) != value:
            said = f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {name} is "
            out.forbidden(ROOT / "metadata" / "name", f"{said}not a known system priority class")
    elif value > HIGHEST_USER_PRIORITY:
        said = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        out.forbidden(ROOT / "value", said)
    check((pointer_of("preemptionPolicy", ("Never", "PreemptLowerPriority")),), obj, ROOT, out)


def priority_class_update(obj: Object, old: Object, out: Problems) -> None:
    if (obj.get("value") or 0) != (old.get("value") or 0):
        out.forbidden(ROOT / "value", "may not be changed in an update.")
    if obj.get("preemptionPolicy") != old.get("preemptionPolicy"):
        out.invalid(ROOT / "preemptionPolicy", obj.get("preemptionPolicy"), IMMUTABLE)


def runtime_class(obj: Object, out: Problems) -> None:
    check((required("handler", names.dns1123_label),), obj, ROOT, out)
    for name, text in ((obj.get("overhead") or {}).get("podFixed") or {}).items():
        check_amount(name, text, (ROOT / "overhead" / "podFixed")[name], out)
    check((present("scheduling", labels("nodeSelector"), each("tolerations", toleration)),), obj, ROOT, out)


def runtime_class_update(obj: Object, old: Object, out: Problems) -> None:
    if obj.get("handler") != old.get("handler"):
        out.invalid(ROOT / "handler", obj.get("handler"), IMMUTABLE)
