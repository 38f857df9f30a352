"""What may be a name, a label or a key: each check answers the list of complaints, empty when all is well.

The words are upstream's, because scripts grep them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

DNS1123_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
DNS1123_SUBDOMAIN = DNS1123_LABEL + r"(\." + DNS1123_LABEL + ")*"
DNS1035_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
LABEL_VALUE = f"({QUALIFIED_NAME})?"

_LABEL = re.compile(DNS1123_LABEL)
_SUBDOMAIN = re.compile(DNS1123_SUBDOMAIN)
_LABEL_1035 = re.compile(DNS1035_LABEL)
_QUALIFIED = re.compile(QUALIFIED_NAME)
_VALUE = re.compile(LABEL_VALUE)
_ENV = re.compile("[ -<>-~]+")
_C_IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_CONFIG_KEY = re.compile("[-._a-zA-Z0-9]+")
_PORT_NAME = re.compile("[-a-z0-9]+")
_WILDCARD = re.compile(r"\*\." + DNS1123_SUBDOMAIN)

_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_LABEL_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_WILDCARD_WORDS = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_QUALIFIED_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_VALUE_WORDS = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " + (
    "and must start and end with an alphanumeric character"
)
_CONFIG_KEY_WORDS = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_ENV_WORDS = "a valid environment variable name must consist only of printable ASCII characters other than '='"
_C_IDENTIFIER_WORDS = (
    "a valid C identifier must start with alphabetic character or '_', "
    "followed by a string of alphanumeric characters or '_'"
)


def too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def regex_complaint(words: str, pattern: str, *examples: str) -> str:
    """`WORDS (e.g. 'a',  or 'b', regex used for validation is 'PATTERN')`."""
    if not examples:
        return f"{words} (regex used for validation is '{pattern}')"
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{words} (e.g. {listed}regex used for validation is '{pattern}')"


def _check(text: str, limit: int, compiled: re.Pattern[str], complaint: str) -> list[str]:
    if len(text) <= limit and compiled.fullmatch(text):
        return []  # what matches is ASCII: as many bytes as characters
    complaints = [too_long(limit)] if len(text.encode("utf-8", "surrogatepass")) > limit else []
    if not compiled.fullmatch(text):
        complaints.append(complaint)
    return complaints


_LABEL_COMPLAINT = regex_complaint(_LABEL_WORDS, DNS1123_LABEL, "my-name", "123-abc")
_SUBDOMAIN_COMPLAINT = regex_complaint(_SUBDOMAIN_WORDS, DNS1123_SUBDOMAIN, "example.com")
_LABEL_1035_COMPLAINT = regex_complaint(_LABEL_1035_WORDS, DNS1035_LABEL, "my-name", "abc-123")
_WILDCARD_COMPLAINT = regex_complaint(_WILDCARD_WORDS, r"\*\." + DNS1123_SUBDOMAIN, "*.example.com")
_QUALIFIED_COMPLAINT = regex_complaint(_QUALIFIED_WORDS, QUALIFIED_NAME, "MyName", "my.name", "123-abc")
_VALUE_COMPLAINT = regex_complaint(_VALUE_WORDS, LABEL_VALUE, "MyValue", "my_value", "12345")
_CONFIG_KEY_COMPLAINT = regex_complaint(_CONFIG_KEY_WORDS, "[-._a-zA-Z0-9]+", "key.name", "KEY_NAME", "key-name")
_C_IDENTIFIER_COMPLAINT = regex_complaint(_C_IDENTIFIER_WORDS, "[A-Za-z_][A-Za-z0-9_]*", "my_name", "MY_NAME", "MyName")


def dns1123_label(text: str) -> list[str]:
    return _check(text, 63, _LABEL, _LABEL_COMPLAINT)


def dns1123_subdomain(text: str) -> list[str]:
    return _check(text, 253, _SUBDOMAIN, _SUBDOMAIN_COMPLAINT)


def dns1035_label(text: str) -> list[str]:
    return _check(text, 63, _LABEL_1035, _LABEL_1035_COMPLAINT)


def wildcard_subdomain(text: str) -> list[str]:
    return _check(text, 253, _WILDCARD, _WILDCARD_COMPLAINT)


def label_value(text: str) -> list[str]:
    return _check(text, 63, _VALUE, _VALUE_COMPLAINT)


@lru_cache(maxsize=1024)
def qualified_name(text: str) -> Sequence[str]:
    """A key of labels, annotations, taints: `[prefix/]name`."""
    if "/" not in text:
        return tuple(_name_part(text))
    parts = text.split("/")
    if len(parts) > 2:
        prefixed = _QUALIFIED_COMPLAINT.removesuffix(")")
        return (
            f"a qualified name {prefixed} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName'))",
        )
    return (*_prefix(parts[0]), *_name_part(parts[1]))


def _prefix(prefix: str) -> list[str]:
    if not prefix:
        return ["prefix part must be non-empty"]
    return [f"prefix part {complaint}" for complaint in dns1123_subdomain(prefix)]


def _name_part(name: str) -> list[str]:
    if len(name) <= 63 and _QUALIFIED.fullmatch(name):
        return []
    complaints = [] if name else ["name part must be non-empty"]
    if len(name.encode("utf-8", "surrogatepass")) > 63:
        complaints.append(f"name part {too_long(63)}")
    if not _QUALIFIED.fullmatch(name):
        complaints.append(f"name part {_QUALIFIED_COMPLAINT}")
    return complaints


def path_segment(text: str) -> list[str]:
    """A name that only has to fit into one path segment (RBAC's names)."""
    if text in {".", ".."}:
        return [f"may not be '{text}'"]
    return [f"may not contain '{illegal}'" for illegal in ("/", "%") if illegal in text]


def config_key(text: str) -> list[str]:
    """A key of a ConfigMap or Secret."""
    complaints = _check(text, 253, _CONFIG_KEY, _CONFIG_KEY_COMPLAINT)
    return complaints + _dots(text)


def environment_name(text: str) -> list[str]:
    if _ENV.fullmatch(text):
        return []
    return [f"{_ENV_WORDS}"]


def c_identifier(text: str) -> list[str]:
    return [] if _C_IDENTIFIER.fullmatch(text) else [_C_IDENTIFIER_COMPLAINT]


def port_name(text: str) -> list[str]:
    """The IANA service name of a port: at most 15 of a-z, 0-9 and '-', with a letter."""
    complaints = []
    if len(text) > 15:
        complaints.append("must be no more than 15 characters")
    if not _PORT_NAME.fullmatch(text):
        complaints.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        complaints.append("must contain at least one letter (a-z)")
    if "--" in text:
        complaints.append("must not contain consecutive hyphens")
    if text and (text[0] == "-" or text[-1] == "-"):
        complaints.append("must not begin or end with a hyphen")
    return complaints


def _dots(text: str) -> list[str]:
    if text == ".":
        return ["must not be '.'"]
    if text == "..":
        return ["must not be '..'"]
    return ["must not start with '..'"] if text.startswith("..") else []
