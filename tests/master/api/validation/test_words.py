"""The words of validation: paths, reasons and formats, combinators, schedules, selectors, schemas."""

from __future__ import annotations

from typing import Any

import pytest

from kube.errors import Cause
from master.api.quality import qos_class
from master.api.validation import rules
from master.api.validation.labels import matches
from master.api.validation.problems import ROOT, Path, Problems
from master.api.validation.schedules import schedule
from master.api.validation.structural import check_schema

SPEC = ROOT / "spec"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SPEC / "containers" / 0 / "image", "spec.containers[0].image"),
        ((ROOT / "data")["tls.crt"], "data[tls.crt]"),
        (ROOT / 3, "[3]"),
        (ROOT, ""),
    ],
)
def test_paths_read_as_the_servers(path: Path, text: str) -> None:
    assert str(path) == text


def test_reasons_and_their_formats() -> None:
    out = Problems()
    out.required(SPEC / "name")
    out.required(SPEC / "name", "say it")
    out.invalid(SPEC / "labels", {"b": "1", "a": "2"}, "must not")
    out.unsupported(SPEC / "type", "x", ("A", "B"))
    out.duplicate(SPEC / "name", "c")
    out.forbidden(SPEC, "no")
    out.not_found(SPEC / "name", "e")
    out.too_long(SPEC / "name", 9)
    out.too_many(SPEC / "items", 3, 2)
    assert [(cause.reason.removeprefix("FieldValue"), cause.message) for cause in out] == [
        ("Required", "Required value"),
        ("Required", "Required value: say it"),
        ("Invalid", 'Invalid value: {"a":"2","b":"1"}: must not'),
        ("NotSupported", 'Unsupported value: "x": supported values: "A", "B"'),
        ("Duplicate", 'Duplicate value: "c"'),
        ("Forbidden", "Forbidden: no"),
        ("NotFound", 'Not found: "e"'),
        ("TooLong", "Too long: may not be more than 9 bytes"),
        ("TooMany", "Too many: 3: must have at most 2 items"),
    ]


SMALL = rules.between(1, 9)


@pytest.mark.parametrize(
    ("rule", "obj", "fields"),
    [
        (rules.required("a"), {}, ["a"]),
        (rules.required("a"), {"a": ""}, ["a"]),
        (rules.required("a", SMALL), {"a": 10}, ["a"]),
        (rules.optional("a", SMALL), {"a": 0}, []),
        (rules.pointer("a", SMALL), {"a": 0}, ["a"]),
        (rules.pointer("a", SMALL), {"a": None}, []),
        (rules.always("a", 0, SMALL), {}, ["a"]),
        (rules.one_of("a", ("x",)), {}, []),
        (rules.one_of("a", ("x",), missing="required"), {}, ["a"]),
        (rules.one_of("a", ("x",), missing="unsupported"), {"a": ""}, ["a"]),
        (rules.inner("a", rules.required("b")), {}, ["a.b"]),
        (rules.present("a", rules.required("b")), {}, []),
        (rules.each("a", rules.required("b")), {"a": [{"b": 1}, {}]}, ["a[1].b"]),
        (rules.each_value("a", SMALL), {"a": [1, 0]}, ["a[1]"]),
    ],
)
def test_combinators(rule: rules.Rule, obj: dict[str, Any], fields: list[str]) -> None:
    out = Problems()
    rule(obj, ROOT, out)
    assert [cause.field for cause in out] == fields


@pytest.mark.parametrize(
    "text",
    ["*/5 * * * *", "0 0 1 1 *", "0-30/5 9-17 * jan-mar mon,wed", "@daily", "@every 1h", "0 0 ? * 6"],
)
def test_good_schedules(text: str) -> None:
    assert not schedule(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("@never", "unrecognized descriptor: @never"),
        ("TZ=UTC * * * * *", "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
    ],
)
def test_bad_schedules(text: str, said: str) -> None:
    assert schedule(text) == (said,)


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ({"matchLabels": {"a": "b"}}, True),
        ({"matchLabels": {"a": "c"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, False),
        ({"matchExpressions": [{"key": "z", "operator": "NotIn", "values": ["b"]}]}, True),
        ({"matchExpressions": [{"key": "z", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "z", "operator": "DoesNotExist"}]}, True),
        ({}, True),
    ],
)
def test_selectors(selector: dict[str, Any], fits: bool) -> None:
    assert matches(selector, {"a": "b"}) is fits


CPU, BOTH = {"cpu": "1"}, {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": CPU}], "Burstable"),
        ([{"limits": BOTH, "requests": BOTH}], "Guaranteed"),
        ([{"limits": BOTH, "requests": BOTH}, {}], "Burstable"),
        ([{"limits": CPU, "requests": CPU}], "Burstable"),
        ([{"limits": {"cpu": "2", "memory": "1Gi"}, "requests": BOTH}], "Burstable"),
        ([{"limits": {"example.com/x": "1"}}], "BestEffort"),
    ],
)
def test_quality_of_service(resources: list[dict[str, Any]], expected: str) -> None:
    assert qos_class({"containers": [{"resources": each} for each in resources]}) == expected


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        ({"type": "object"}, []),
        ({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "string"}}}}, []),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, ["properties[a].items"]),
        ({"type": "object", "properties": {"a": {"x-kubernetes-int-or-string": True}}}, []),
        ({"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}, ["properties[a].default"]),
        (
            {"type": "object", "properties": {"a": {"type": "string", "enum": ["x"], "default": "y"}}},
            ["properties[a].default"],
        ),
        ({"type": "array", "items": {"type": "string"}}, ["type"]),
    ],
)
def test_structural_schemas(schema: dict[str, Any], fields: list[str]) -> None:
    out = Problems()
    check_schema(schema, ROOT, out, with_status=False)
    assert [cause.field for cause in out] == fields


def test_causes_are_plain_causes() -> None:
    out = Problems()
    out.required(SPEC)
    assert list(out) == [Cause("FieldValueRequired", "Required value", "spec")]
