"""Decoding, replayed against the answers of kube-apiserver 1.36."""

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import kinds
from kube.decoding import decode, parsing
from kube.errors import ApiError
from kube.kinds import Kind

FACTS = Path(__file__).parents[1] / "facts"
# Refused later than decoding: by the registry, which knows the request's namespace and name.
NOT_DECODING = re.compile(
    "the (namespace|name) of the (provided )?object|field label|managedFields must be nil|strconv|resource version"
)


def recorded(*files: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for name in files for line in (FACTS / f"{name}.jsonl").read_text().splitlines()]
    return [row for row in rows if row["method"] == "POST" and "body" in row and kind_of(row)]


def kind_of(row: dict[str, Any]) -> Kind | None:
    path = row["path"].partition("?")[0].strip("/").split("/")
    group, version, rest = ("", path[1], path[2:]) if path[0] == "api" else (path[1], path[2], path[3:])
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        rest = rest[2:]
    return kinds.by_resource(group, version, rest[0]) if len(rest) == 1 else None


def decoded(row: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    kind = kind_of(row)
    assert kind is not None
    body = row["body"] if isinstance(row["body"], str) else json.dumps(row["body"])
    validation = re.search("fieldValidation=([A-Z][a-z]+)", row["path"])
    return decode(body.encode(), row["type"], kind, validation[1] if validation else "Warn")


REFUSED = [
    row
    for row in recorded("validation", "errors")
    if row["status"] == 400
    and not NOT_DECODING.match(row["answer"]["message"])
    and not row["name"].startswith(("deep", "bad field validation"))
]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["name"])
def test_a_refused_body_is_refused_in_the_same_words(row: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        decoded(row)
    assert caught.value.to_status() == row["answer"]


CONFIG_MAPS = kinds.by_resource("", "v1", "configmaps")
PODS = kinds.by_resource("", "v1", "pods")


def config_map(body: str | bytes, content_type: str = "application/json", validation: str = "Warn") -> Any:
    assert CONFIG_MAPS
    return decode(body.encode() if isinstance(body, str) else body, content_type, CONFIG_MAPS, validation)


def complaint(body: str | bytes, content_type: str = "application/json", validation: str = "Warn") -> str:
    with pytest.raises(ApiError) as caught:
        config_map(body, content_type, validation)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    "row", [row for row in recorded("validation", "defaults") if row["status"] == 201], ids=lambda row: row["name"]
)
def test_an_accepted_body_is_decoded_without_complaint(row: dict[str, Any]) -> None:
    obj, warnings = decoded(row)
    assert warnings == []
    assert decode(json.dumps(obj).encode(), "application/json", kind_of(row), "Strict") == (obj, [])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "canonical"),
    [
        (
            {"hostNetwork": False, "nodeName": "", "priority": 0, "hostUsers": False},
            {"priority": 0, "hostUsers": False},
        ),
        ({"tolerations": [], "nodeSelector": {}, "affinity": {}, "securityContext": None}, {"affinity": {}}),
        (
            {"overhead": {"cpu": "1000m", "memory": 1.5, "x": "100u"}},
            {"overhead": {"cpu": "1", "memory": "1500m", "x": "1m"}},
        ),
        ({"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}]}, None),
        (
            {"hostAliases": [{"ip": "1.1.1.1", "hostnames": [None, ""]}]},
            {"hostAliases": [{"ip": "1.1.1.1", "hostnames": ["", ""]}]},
        ),
    ],
)
def test_an_object_comes_out_as_it_is_kept(spec: dict[str, Any], canonical: dict[str, Any] | None) -> None:
    body = {"metadata": {"creationTimestamp": None, "labels": None}, "spec": spec}
    assert PODS
    obj, _ = decode(json.dumps(body).encode(), "", PODS)
    assert obj == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {},
        "spec": spec if canonical is None else canonical,
        "status": {},
    }


def test_what_is_not_known_is_dropped_with_a_warning() -> None:
    body = '{"metadata":{"name":"x"},"data":{"a":"1","a":"2"},"junk":{"k":1}}'
    warnings = ['duplicate field "data.a"', 'unknown field "junk"']
    assert config_map(body)[1] == warnings
    assert config_map(body, validation="Ignore")[1] == []
    assert config_map(body)[0]["data"] == {"a": "2"}
    assert complaint(body, validation="Strict").endswith("strict decoding error: " + ", ".join(warnings))


def test_null_stands_for_the_empty_object() -> None:
    assert config_map("null")[0] == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}


def test_yaml_is_read_as_its_json() -> None:
    body = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: '1', on: '2', d: 2026-01-02}\n"
    obj, warnings = config_map(body, "application/yaml; charset=utf-8", "Strict")
    assert (obj["data"], warnings) == ({"a": "1", "true": "2", "d": "2026-01-02"}, [])
    assert 'line 3: key "a" already set in map' in complaint("data:\n  a: x\n  a: y", "application/yaml", "Strict")
    assert "yaml" in complaint("a: [", "application/yaml")


def test_another_media_type_is_refused() -> None:
    with pytest.raises(ApiError) as caught:
        config_map("a: 1", "text/plain")
    assert (caught.value.status, caught.value.reason) == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"data":' * 12_000 + "1" + "}" * 12_000, 'exceeded max depth ({"data":{"data":{"data":{"data ...)'),
        ('{"data":{"a":NaN}}', "invalid character 'N' looking for beginning of value"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ("{} {}", "invalid character '{' after top-level value"),
        ('{"kind":5}', "cannot unmarshal number into Go struct field .kind of type string"),
        ('{"immutable":1e400}', "cannot unmarshal number 1e400 into Go value of type float64"),
        (
            '{"metadata":{"generation":9223372036854775808}}',
            "cannot unmarshal number 9223372036854775808 into Go struct field",
        ),
        (
            '{"metadata":{"generation":1.5}}',
            "cannot unmarshal number 1.5 into Go struct field ObjectMeta.metadata.generation",
        ),
        ('{"metadata":{"creationTimestamp":5}}', "of type string"),
        ('{"metadata":{"creationTimestamp":"x"}}', 'parsing time "x" as'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_text_is_refused_in_gos_words(body: str, said: str) -> None:
    assert said in complaint(body)


def test_invalid_utf8_is_replaced() -> None:
    assert config_map(b'{"data":{"a":"\xff"}}')[0]["data"] == {"a": "\ufffd"}
    assert config_map(rb'{"data":{"a":"\ud800"}}')[0]["data"] == {"a": "\ufffd"}


def test_aliases_may_not_unfold_without_end() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"] + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "excessive aliasing" in complaint("\n".join(lines), "application/yaml")


KEYS = st.sampled_from(
    ["name", "image", "env", "metadata", "spec", "ports", "containers", "labels", "volumes", "kind"]
) | st.text(max_size=3)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(
    JSON_VALUES,
    st.sampled_from(["Strict", "Warn", "Ignore"]),
    st.sampled_from(["application/json", "application/yaml"]),
)
def test_no_body_breaks_the_decoder(value: Any, validation: str, content_type: str) -> None:
    assert PODS
    for body in (value, {"metadata": value, "spec": {"containers": [value]}}, {"spec": value, "status": value}):
        try:
            obj, _ = decode(json.dumps(body).encode(), content_type, PODS, validation)
            orjson.dumps(obj)
        except ApiError as error:
            assert error.status == 400


def test_a_yaml_timestamp_stays_text_though_it_is_none() -> None:
    assert config_map("data:\n  a: !!timestamp x", "application/yaml", "Strict")[0]["data"] == {"a": "x"}


def test_numbers_of_thousands_of_digits_are_refused_in_words_of_json() -> None:
    assert "into Go value of type float64" in complaint('{"x": ' + "9" * 5000 + "}")


@given(st.binary(max_size=60), st.sampled_from(["application/json", "application/yaml"]))
def test_no_bytes_break_the_decoder(body: bytes, content_type: str) -> None:
    try:
        config_map(body, content_type)
    except ApiError as error:
        assert error.status == 400


def test_the_options_of_a_delete_are_no_object() -> None:
    assert "no kind" in complaint('{"apiVersion":"v1","kind":"DeleteOptions"}')


@pytest.mark.parametrize(
    "body", [b"[" * 50_000, b"- " * 2_000 + b"x", b"? " * 2_000 + b"x"], ids=["flow", "list", "key"]
)
def test_yaml_nested_without_end_is_refused_before_it_is_composed(body: bytes) -> None:
    with pytest.raises(ValueError, match="exceeded max depth"):
        parsing.parse_yaml(body)
