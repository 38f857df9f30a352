"""What may change in a pod that exists: hardly anything; a status, a size and a new ephemeral container have ways of
their own."""

from __future__ import annotations

import copy
from typing import Any

from master.api.quality import qos_class
from master.api.validation.metadata import IMMUTABLE
from master.api.validation.pods import SPEC as RULES
from master.api.validation.problems import ROOT, Problems
from master.api.validation.rules import Object, check

SPEC = ROOT / "spec"
ONLY = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
NOT_FEWER = "pod updates may not add or remove containers"


def pod(obj: Object, old: Object, out: Problems) -> None:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    check(RULES, spec, SPEC, out)
    for name in ("containers", "initContainers"):
        has, had = spec.get(name) or (), before.get(name) or ()
        if len(has) != len(had):
            out.forbidden(SPEC / name, NOT_FEWER)
            return
        for index, container in enumerate(has):
            if not container.get("image"):
                out.required(SPEC / name / index / "image")
    _deadline(spec, before, out)
    _tolerations(spec, before, out)
    gated = bool(before.get("schedulingGates"))
    _gates(spec, before, out)
    if _fixed(spec, gated) != _fixed(before, gated):
        out.forbidden(SPEC, ONLY)


def _deadline(spec: Object, before: Object, out: Problems) -> None:
    had, has = before.get("activeDeadlineSeconds"), spec.get("activeDeadlineSeconds")
    if had is None:
        return
    if has is None:
        out.invalid(SPEC / "activeDeadlineSeconds", has, "must not update from a positive integer to nil value")
    elif has > had:
        out.invalid(SPEC / "activeDeadlineSeconds", has, "must be less than or equal to previous value")


def _tolerations(spec: Object, before: Object, out: Problems) -> None:
    """Old ones stay; how long they hold may be shortened or lengthened."""
    has = [_untimed(toleration) for toleration in spec.get("tolerations") or ()]
    if any(_untimed(toleration) not in has for toleration in before.get("tolerations") or ()):
        said = "existing toleration can not be modified except its tolerationSeconds"
        out.forbidden(SPEC / "tolerations", said)


def _untimed(toleration: Object) -> Object:
    return {name: value for name, value in toleration.items() if name != "tolerationSeconds" and value}


def _gates(spec: Object, before: Object, out: Problems) -> None:
    had = {gate.get("name") for gate in before.get("schedulingGates") or ()}
    added = [gate.get("name") for gate in spec.get("schedulingGates") or () if gate.get("name") not in had]
    if added:
        said = f"only deletion is allowed, but found new scheduling gate '{added[0]}'"
        out.forbidden(SPEC / "schedulingGates" / 0, said)


def _fixed(spec: Object, gated: bool) -> Object:
    """A spec without what may change; a pod that waits at a gate may still be told where to go."""
    kept = {name: value for name, value in spec.items() if value not in (None, [], {}, "")}
    for name in ("activeDeadlineSeconds", "tolerations", "schedulingGates", "ephemeralContainers"):
        kept.pop(name, None)
    if (grace := kept.get("terminationGracePeriodSeconds")) is not None and grace < 0:
        kept["terminationGracePeriodSeconds"] = 1
    if gated:
        kept.pop("nodeSelector", None)
        kept.pop("affinity", None)
    for name in ("containers", "initContainers"):
        if name in kept:
            kept[name] = [{**container, "image": ""} for container in kept[name]]
    return kept


# Subresources


def status(obj: Object, old: Object, out: Problems) -> None:
    has, had = (version.get("spec", {}).get("nodeName") for version in (obj, old))
    if has != had:
        out.forbidden(ROOT / "status" / "nodeName", "may not be changed directly")
    new, before = obj.get("status") or {}, old.get("status") or {}
    quality = before.get("qosClass")
    if quality and new.get("qosClass") and new["qosClass"] != quality:
        out.invalid(ROOT / "status" / "qosClass", new["qosClass"], IMMUTABLE)


def ephemeral_containers(obj: Object, old: Object, out: Problems) -> None:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    check(RULES, spec, SPEC, out)
    named: dict[Any, Object] = {each.get("name"): each for each in spec.get("ephemeralContainers") or ()}
    here = SPEC / "ephemeralContainers"
    for container in before.get("ephemeralContainers") or ():
        now = named.get(container.get("name"))
        if now is None:
            out.forbidden(here, f'existing ephemeral containers "{container.get("name")}" may not be removed\n')
        elif now != container:
            out.forbidden(here, f'existing ephemeral containers "{container.get("name")}" may not be changed\n')


def resize(obj: Object, old: Object, out: Problems) -> None:
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    check(RULES, spec, SPEC, out)
    quality = (old.get("status") or {}).get("qosClass") or qos_class(before)
    if qos_class(spec) != quality:
        out.invalid(SPEC, quality, "Pod QOS Class may not change as a result of resizing")
    if _sizeless(spec) != _sizeless(before):
        out.forbidden(SPEC, "only cpu and memory resources are mutable")


def _sizeless(spec: Object) -> Object:
    kept = copy.deepcopy(spec)
    for name in ("containers", "initContainers"):
        for container in kept.get(name) or ():
            resources = container.get("resources") or {}
            for side in ("requests", "limits"):
                for resource in ("cpu", "memory"):
                    (resources.get(side) or {}).pop(resource, None)
                if not resources.get(side):
                    resources.pop(side, None)
            container["resources"] = resources
    return kept
