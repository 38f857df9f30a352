"""APIServices, and the levels and schemas of flow control."""

from __future__ import annotations

from kube import names
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import (
    Object,
    at_least,
    between,
    check,
    inner,
    one_of,
    optional,
    pointer,
    port_number,
    required,
)

SPEC = ROOT / "spec"


# APIServices


def api_service(obj: Object, out: Problems) -> None:
    spec, name = obj.get("spec") or {}, (obj.get("metadata") or {}).get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    if name and not names.path_segment(name) and name != f"{version}.{group}":
        out.invalid(ROOT / "metadata" / "name", name, f'must be `spec.version+"."+spec.group`: "{version}.{group}"')
    for detail in names.dns1123_subdomain(group) if group else ():
        out.invalid(SPEC / "group", group, detail)
    if not group and version != "v1":
        out.required(SPEC / "group", "only v1 may have an empty group and it better be legacy kube")
    for detail in names.dns1035_label(version):
        out.invalid(SPEC / "version", version, detail)
    _priority(spec, "groupPriorityMinimum", 20000, out)
    _priority(spec, "versionPriority", 1000, out)
    _backend(spec, out)


def _priority(spec: Object, name: str, limit: int, out: Problems) -> None:
    value = spec.get(name) or 0
    if not 0 < value <= limit:
        out.invalid(SPEC / name, value, f"must be positive and less than {limit}")


def _backend(spec: Object, out: Problems) -> None:
    service, insecure, bundle = spec.get("service"), spec.get("insecureSkipTLSVerify"), spec.get("caBundle")
    if service is None:
        if bundle:
            out.invalid(SPEC / "caBundle", f"{len(bundle)} bytes", "local APIServices may not have a caBundle")
        if insecure:
            out.invalid(SPEC / "insecureSkipTLSVerify", True, "local APIServices may not have insecureSkipTLSVerify")
        return
    check((required("namespace"), required("name"), pointer("port", port_number)), service, SPEC / "service", out)
    if insecure and bundle:
        out.invalid(SPEC / "insecureSkipTLSVerify", True, "may not be true if caBundle is present")


# Flow control

RESPONSE = one_of("type", ("Queue", "Reject"), missing="unsupported")


def priority_level(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((one_of("type", ("Exempt", "Limited"), missing="unsupported"),), spec, SPEC, out)
    chosen, limited, exempt = spec.get("type"), spec.get("limited"), spec.get("exempt")
    if chosen == "Exempt" and limited is not None:
        out.forbidden(SPEC / "limited", "must be nil if the type is not Limited")
    if chosen == "Limited" and exempt is not None:
        out.forbidden(SPEC / "exempt", "must be nil if the type is Limited")
    if chosen != "Limited":
        return
    if limited is None:
        out.required(SPEC / "limited", "must not be empty when type is Limited")
    else:
        _limited(limited, SPEC / "limited", out)


def _limited(limited: Object, at: Path, out: Problems) -> None:
    check((pointer("nominalConcurrencyShares", at_least(0)),), limited, at, out)
    response, here = limited.get("limitResponse") or {}, at / "limitResponse"
    check((RESPONSE,), response, here, out)
    queuing = response.get("queuing")
    if response.get("type") == "Reject" and queuing is not None:
        out.forbidden(here / "queuing", "must be nil if limited.limitResponse.type is not Limited")
    if response.get("type") == "Queue" and queuing is None:
        out.required(here / "queuing", "must not be empty if limited.limitResponse.type is Limited")
    check(
        (pointer("lendablePercent", between(0, 100)), pointer("borrowingLimitPercent", at_least(0))), limited, at, out
    )


FLOW = (
    inner("priorityLevelConfiguration", required("name", names.dns1123_subdomain)),
    optional("matchingPrecedence", between(1, 10000)),
)


def flow_schema(obj: Object, out: Problems) -> None:
    check(FLOW, obj.get("spec") or {}, SPEC, out)
