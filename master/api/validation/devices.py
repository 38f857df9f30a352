"""Devices (resource.k8s.io): their classes, the claims on them, and the slices in which drivers offer them."""

from __future__ import annotations

from kube import names
from master.api.validation.metadata import IMMUTABLE
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import (
    Object,
    always,
    at_least,
    check,
    each,
    inner,
    one_of,
    present,
    required,
    unique,
)

SPEC = ROOT / "spec"
MOST_SELECTORS, MOST_REQUESTS, MOST_DEVICES = 32, 32, 128
MODES = ("ExactCount", "All")
ONE_REQUEST = "exactly one of `exactly` or `firstAvailable` is required"
PLACES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")

# Selections are expressions, and at least that.
SELECTOR = (present("cel", required("expression")),)
OPAQUE = inner("opaque", required("driver", names.dns1123_subdomain), required("parameters"))


def _selectors(obj: Object, at: Path, out: Problems) -> None:
    found = obj.get("selectors") or ()
    if len(found) > MOST_SELECTORS:
        out.too_many(at / "selectors", len(found), MOST_SELECTORS)
    for index, selector in enumerate(found):
        if selector.get("cel") is None:
            out.required(at / "selectors" / index / "cel")
        check(SELECTOR, selector, at / "selectors" / index, out)


def device_class(obj: Object, out: Problems) -> None:
    check((_selectors, each("config", OPAQUE)), obj.get("spec") or {}, SPEC, out)


# Claims

EXACT = (
    required("deviceClassName", names.dns1123_subdomain),
    _selectors,
    one_of("allocationMode", MODES),
    always("count", 1, at_least(1)),
)
ALTERNATIVE = (required("name", names.dns1123_label), *EXACT)


def _request(request: Object, at: Path, out: Problems) -> None:
    check((required("name", names.dns1123_label),), request, at, out)
    exactly, several = request.get("exactly"), request.get("firstAvailable")
    if (exactly is None) == (not several):
        out.required(at, ONE_REQUEST)
    check((present("exactly", *EXACT), each("firstAvailable", *ALTERNATIVE)), request, at, out)
    check((unique("firstAvailable", "name"),), request, at, out)


def check_devices(spec: Object, at: Path, out: Problems) -> None:
    devices, here = spec.get("devices") or {}, at / "devices"
    if len(devices.get("requests") or ()) > MOST_REQUESTS:
        out.too_many(here / "requests", len(devices["requests"]), MOST_REQUESTS)
    check((each("requests", _request), unique("requests", "name")), devices, here, out)
    check((each("constraints", required("matchAttribute")), each("config", OPAQUE)), devices, here, out)


def claim(obj: Object, out: Problems) -> None:
    check_devices(obj.get("spec") or {}, SPEC, out)


def claim_update(obj: Object, old: Object, out: Problems) -> None:
    claim(obj, out)
    if obj.get("spec") != old.get("spec"):
        out.invalid(SPEC, obj.get("spec"), IMMUTABLE)


def claim_template(obj: Object, out: Problems) -> None:
    check_devices((obj.get("spec") or {}).get("spec") or {}, SPEC / "spec", out)


# Slices

POOL = inner(
    "pool",
    required("name"),
    always("resourceSliceCount", 0, lambda count: () if count > 0 else ("must be greater than zero",)),
    always("generation", 0, at_least(0)),
)


def resource_slice(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    check((required("driver", names.dns1123_subdomain), POOL), spec, SPEC, out)
    given = [place for place in PLACES if spec.get(place)]
    if len(given) != 1:
        listed = ", ".join(f"`{place}`" for place in PLACES)
        out.required(SPEC, f"exactly one of {listed} is required")
    if len(spec.get("devices") or ()) > MOST_DEVICES:
        out.too_many(SPEC / "devices", len(spec["devices"]), MOST_DEVICES)
    check((each("devices", required("name", names.dns1123_label)), unique("devices", "name")), spec, SPEC, out)
