"""HorizontalPodAutoscalers: what to scale, between which bounds, by which measures."""

from __future__ import annotations

from kube import names, quantities
from master.api.validation.labels import selector
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.rules import (
    Object,
    at_least,
    between,
    check,
    each,
    inner,
    one_of,
    pointer,
    present,
    required,
)

SPEC = ROOT / "spec"
SOURCES = ("ContainerResource", "External", "Object", "Pods", "Resource")
FIELDS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
TARGETS = ("Utilization", "Value", "AverageValue")
GROUP_NEEDED = "apiVersion must specify API group"


def autoscaler(obj: Object, out: Problems) -> None:
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if least is not None and least < 1:
        out.invalid(SPEC / "minReplicas", least, "must be greater than or equal to 1")
    if most == 0:
        out.required(SPEC / "maxReplicas", "must be set and greater than 0")
    elif most < 1:
        out.invalid(SPEC / "maxReplicas", most, "must be greater than or equal to 1")
    if least is not None and most < least:
        out.invalid(SPEC / "maxReplicas", most, "must be greater than or equal to `minReplicas`")
    _reference(spec.get("scaleTargetRef") or {}, SPEC / "scaleTargetRef", out)
    for index, metric in enumerate(spec.get("metrics") or ()):
        _metric(metric, SPEC / "metrics" / index, out)
    check((present("behavior", _behavior),), spec, SPEC, out)


def _reference(reference: Object, at: Path, out: Problems) -> None:
    check((required("kind", names.path_segment), required("name", names.path_segment)), reference, at, out)
    group, slash, _version = (reference.get("apiVersion") or "").partition("/")
    if not (slash and group) and reference.get("kind") != "ReplicationController":
        out.invalid(at / "apiVersion", reference.get("apiVersion") or "", GROUP_NEEDED)


def _metric(metric: Object, at: Path, out: Problems) -> None:
    chosen = metric.get("type") or ""
    if not chosen:
        out.required(at / "type", "must specify a metric source type")
    if chosen not in SOURCES:
        out.unsupported(at / "type", chosen, SOURCES)
    given = [name for name in FIELDS.values() if metric.get(name) is not None]
    expected = FIELDS.get(chosen)
    for name in given:
        if expected is not None and name != expected:
            out.forbidden(at / name, "must populate the given metric source only")
        check(RULES[name], metric[name], at / name, out)
    if expected is None:
        out.unsupported(at / "type", chosen, SOURCES)
    elif expected not in given:
        out.required(at / expected, "must populate information for the given metric source")


def _target(target: Object, at: Path, out: Problems) -> None:
    chosen = target.get("type") or ""
    if not chosen:
        out.required(at / "type", "must specify a metric target type")
    if chosen not in TARGETS:
        out.invalid(at / "type", chosen, "must be either Utilization, Value, or AverageValue")
    for name in ("value", "averageValue"):
        text = target.get(name)
        if text is not None and quantities.parse(text).nanos <= 0:
            out.invalid(at / name, text, "must be positive")
    use = target.get("averageUtilization")
    if use is not None and use < 1:
        out.invalid(at / "averageUtilization", use, "must be greater than 0")


def _of_resource(source: Object, at: Path, out: Problems) -> None:
    if not source.get("name"):
        out.required(at / "name", "must specify a resource name")
    target, here = source.get("target") or {}, at / "target"
    _target(target, here, out)
    use, amount = target.get("averageUtilization"), target.get("averageValue")
    if use is None and amount is None:
        out.required(here / "averageUtilization", "must set either a target raw value or a target utilization")
    elif use is not None and amount is not None:
        out.forbidden(here / "averageValue", "may not set both a target raw value and a target utilization")


def _one_value(source: Object, at: Path, out: Problems) -> None:
    target = source.get("target") or {}
    _target(target, at / "target", out)
    if target.get("value") is None and target.get("averageValue") is None:
        out.required(at / "target" / "averageValue", "must set either a target value for metric or a per-pod target")


def _average(source: Object, at: Path, out: Problems) -> None:
    target = source.get("target") or {}
    _target(target, at / "target", out)
    amount = target.get("averageValue")
    if amount is None or quantities.parse(amount).nanos <= 0:
        out.required(at / "target" / "averageValue", "must specify a positive target averageValue")


METRIC = inner(
    "metric", required("name", names.path_segment, detail="must specify a metric name"), selector("selector")
)
RULES = {
    "containerResource": (required("container"), _of_resource),
    "external": (METRIC, _one_value),
    "object": (inner("describedObject", required("kind"), required("name")), METRIC, _one_value),
    "pods": (METRIC, _average),
    "resource": (_of_resource,),
}

POLICY = (
    one_of("type", ("Pods", "Percent"), missing="unsupported"),
    pointer("value", at_least(1)),
    pointer("periodSeconds", between(1, 1800)),
)
DIRECTION = (
    pointer("stabilizationWindowSeconds", between(0, 3600)),
    one_of("selectPolicy", ("Max", "Min", "Disabled")),
    required("policies", detail="must specify at least one Policy"),
    each("policies", *POLICY),
)


def _behavior(behavior: Object, at: Path, out: Problems) -> None:
    check((present("scaleUp", *DIRECTION), present("scaleDown", *DIRECTION)), behavior, at, out)
