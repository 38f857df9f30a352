"""Names and amounts of resources: requests, limits, quotas, capacities."""

from __future__ import annotations

from kube import names, quantities
from kube.resources import is_extended, is_native
from master.api.validation.problems import Path, Problems
from master.api.validation.rules import Object

STANDARD_FOR_CONTAINERS = frozenset({"cpu", "memory", "ephemeral-storage"})
COMPUTE = STANDARD_FOR_CONTAINERS | {"storage"}
HUGE_PAGES = "hugepages-"
# What a quota may count, besides `count/RESOURCE.GROUP` and extended resources.
STANDARD_FOR_QUOTA = frozenset(
    {
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.storage",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
NOT_QUALIFIED = "must be a standard resource type or fully qualified"
NOT_FOR_CONTAINERS = "must be a standard resource for containers"
NOT_FOR_QUOTA = "must be a standard resource for quota"
STANDARD = COMPUTE | STANDARD_FOR_QUOTA


def check_resource_name(name: str, at: Path, out: Problems) -> None:
    for detail in names.qualified_name(name):
        out.invalid(at, name, detail)
    if "/" not in name and name not in STANDARD and not name.startswith((HUGE_PAGES, "requests.hugepages-")):
        out.invalid(at, name, NOT_QUALIFIED)


def check_container_resource_name(name: str, at: Path, out: Problems) -> None:
    if name in STANDARD_FOR_CONTAINERS:
        return
    check_resource_name(name, at, out)
    if "/" not in name:
        if not name.startswith(HUGE_PAGES):
            out.invalid(at, name, NOT_FOR_CONTAINERS)
    elif not is_native(name) and not is_extended(name):
        out.invalid(at, name, "doesn't follow extended resource name standard")


def check_quota_resource_name(name: str, at: Path, out: Problems) -> None:
    check_resource_name(name, at, out)
    if "/" not in name and name not in STANDARD_FOR_QUOTA and not name.startswith((HUGE_PAGES, "requests.hugepages-")):
        out.invalid(at, name, NOT_FOR_QUOTA)


def check_amount(name: str, text: str, at: Path, out: Problems) -> None:
    amount = quantities.parse(text)
    if amount.nanos < 0:
        out.invalid(at, text, "must be greater than or equal to 0")
    elif not is_native(name) and amount.nanos % quantities.NANO:
        out.invalid(at, text, "must be an integer")


def check_requirements(resources: Object, at: Path, out: Problems) -> None:
    """`resources` of a container: limits, requests, and requests within limits."""
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name, text in limits.items():
        _named_amount(name, text, at / "limits", out)
    for name, text in requests.items():
        _named_amount(name, text, at / "requests", out)
        limit = limits.get(name)
        if limit is not None:
            _within_limit(name, text, limit, at / "requests", out)
        elif not is_native(name):
            out.required(at / "limits", "Limit must be set for non overcommitable resources")


def _named_amount(name: str, text: str, at: Path, out: Problems) -> None:
    if name not in STANDARD_FOR_CONTAINERS:
        check_container_resource_name(name, at[name], out)
    check_amount(name, text, at[name], out)


def _within_limit(name: str, text: str, limit: str, at: Path, out: Problems) -> None:
    if text == limit:
        return
    amount, most = quantities.parse(text), quantities.parse(limit)
    overcommitable = is_native(name) and not name.startswith(HUGE_PAGES)
    if not overcommitable and amount != most:
        out.invalid(at, text, f"must be equal to {name} limit of {limit}")
    elif amount > most:
        out.invalid(at, text, f"must be less than or equal to {name} limit of {limit}")
