"""Names: what passes and the exact words for what does not."""

import pytest

from kube import names


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (names.dns1123_label, ["a", "a-b", "0"], ["", "A", "a.b", "-a", "a_b", "a" * 64, "a\n"]),
        (names.dns1123_subdomain, ["a.b", "a" * 253], ["", "a..b", "a" * 254, ".a"]),
        (names.dns1035_label, ["a", "a1"], ["1a", "", "a" * 64]),
        (names.label_value, ["", "A.b_c"], ["-a", "a b", "a" * 64]),
        (names.qualified_name, ["a", "x.io/A_b"], ["", "/a", "x.io/", "X/a", "a/b/c", "a" * 64]),
        (names.path_segment, ["a:b", "system:x"], [".", "..", "a/b", "a%b"]),
        (names.config_key, ["a", ".a", "A_b-c.d"], ["", "..", ".", "..a", "a/b"]),
        (names.environment_name, ["A", "a.b-c", "1"], ["", "a=b", "é"]),
        (names.c_identifier, ["A", "_a1"], ["1a", "a-b"]),
        (names.port_name, ["http", "a-1"], ["", "a" * 16, "1", "a--b", "-a", "A"]),
        (names.wildcard_subdomain, ["*.a.b"], ["*", "a.b", "*.A"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_names(check: object, good: list[str], bad: list[str]) -> None:
    assert callable(check)
    assert [name for name in good if check(name)] == []
    assert [name for name in bad if not check(name)] == []


def test_the_words_are_upstreams() -> None:
    assert names.dns1123_subdomain("Bad") == [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    ]
    assert list(names.qualified_name("")) == [
        "name part must be non-empty",
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
        "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ]
