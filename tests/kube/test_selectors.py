"""Selectors: what they select, and what they say about a text they cannot read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import selectors
from kube.errors import ApiError

LABELS = {"app": "web", "tier": "front", "n": "5", "empty": ""}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("app", True),
        ("!app", False),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier = front", True),
        ("app!=web", False),
        ("none!=web", True),
        ("app in (web,db)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("none notin (db)", True),
        ("empty=", True),
        ("empty in (,x)", True),
        ("app=", False),
        ("n>4,n<6", True),
        ("n>5", False),
        ("app>5", False),
        ("app in (web),!none", True),
    ],
)
def test_a_label_query_selects(text: str, selected: bool) -> None:
    assert selectors.parse_labels(text).matches(LABELS) is selected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a in", "unable to parse requirement: found '' expected: '('"),
        ("=b", "found '=', expected: !, identifier, or 'end of string'"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a=(b", "unable to parse requirement: found '(', expected: identifier"),
        ("n>x", "the value must be an integer"),
        ("-a=b", 'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of'),
        ("a=-b", 'values[0][a]: Invalid value: "-b": a valid label must be an empty string or consist of'),
        ("a in ()", "values set can't be empty"),
    ],
)
def test_a_bad_label_query_is_refused_by_name(text: str, complaint: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.parse_labels(text)
    assert caught.value.status == 400
    assert complaint in caught.value.message


@given(st.text(max_size=40))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (selectors.parse_labels, selectors.parse_fields):
        try:
            parse(text)
        except ApiError as error:
            assert error.status == 400


WORD = st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True)


@given(
    st.dictionaries(WORD, WORD, max_size=3), st.dictionaries(WORD, st.sets(WORD, min_size=1, max_size=3), max_size=3)
)
def test_the_text_of_a_selector_reads_back(equal: dict[str, str], choices: dict[str, set[str]]) -> None:
    expressions = [{"key": key, "operator": "NotIn", "values": sorted(values)} for key, values in choices.items()]
    selector = selectors.from_object({"matchLabels": equal, "matchExpressions": expressions})
    again = selectors.parse_labels(selectors.label_text(selector))
    assert set(again.requirements) == set(selector.requirements)


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (None, False),
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "n", "operator": "Gt", "values": ["4"]}]}, True),
    ],
)
def test_a_selector_object_selects(selector: dict[str, object] | None, selected: bool) -> None:
    assert selectors.from_object(selector).matches(LABELS) is selected


def test_an_empty_map_selects_nothing() -> None:
    assert not selectors.from_labels({}).matches(LABELS)
    assert selectors.from_labels({"app": "web"}).matches(LABELS)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("metadata.name=a", [("metadata.name", "=", "a")]),
        ("a==b,c!=d", [("a", "=", "b"), ("c", "!=", "d")]),
        ("a=", [("a", "=", "")]),
        (r"a=b\,c\=d\\", [("a", "=", "b,c=d\\")]),
    ],
)
def test_a_field_query_is_terms(text: str, terms: list[tuple[str, str, str]]) -> None:
    assert selectors.parse_fields(text) == terms


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("abc", "invalid selector: 'abc'; can't understand 'abc'"),
        ("a=b=c", "invalid field selector: unescaped character in value: ="),
        (r"a=b\x", r"invalid field selector: invalid escape sequence: \x"),
    ],
)
def test_a_bad_field_query_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ApiError) as caught:
        selectors.parse_fields(text)
    assert caught.value.message == complaint
