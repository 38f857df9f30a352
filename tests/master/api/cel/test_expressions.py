"""CEL as Kubernetes speaks it: a table of expressions and what they are."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from master.api import cel
from master.api.cel.values import DYN, INT, STRING, UInt, list_of, map_of

VALUES = {
    "self": {"a": 1, "text": "abc", "list": [1, 2, 3], "map": {"x": 1, "y": 2}, "none": None},
    "numbers": [3, 1, 2],
    "labels": {"app": "web", "tier": "front"},
}
VARIABLES = {"self": DYN, "numbers": list_of(INT, 10), "labels": map_of(STRING, STRING, 10)}

_LEAVES = """1 -2 0 1.5 2u 'a' '1Gi' b'x' null true [1,'a'] {'a':1} self self.text numbers labels dyn(1) dyn([])
    optional.none() quantity('1') ip('::1') duration('1s') self.?b"""
LEAVES = st.sampled_from(_LEAVES.split())
SHAPES = [
    *(f"({{0}} {sign} {{1}})" for sign in ("+", "-", "*", "/", "%", "==", "<", "&&", "||", "in")),
    *(
        f"{{0}}.{name}({{1}})"
        for name in ("contains", "matches", "split", "join", "format", "indexOf", "add", "orValue")
    ),
    *(f"{name}({{0}})" for name in ("string", "int", "size", "quantity", "ip", "cidr", "url", "timestamp", "duration")),
    *(
        f"dyn({{0}}).{name}()"
        for name in ("sum", "min", "sort", "size", "flatten", "value", "trim", "getHours", "family")
    ),
    *("dyn({0})[{1}]", "dyn({0})[?{1}]", "dyn({0}).{1}", "[{0}, ?{1}]", "{{{0}: {1}}}", "dyn({0}).map(x, {1})"),
    *("dyn({0}).all(x, x == {1})", "{0}.optMap(x, {1})", "sets.contains({0}, {1})", "dyn({0}).charAt({1})"),
]


def joined(shape, one, other):
    return shape.format(one, other)


TRUE = [
    "string(ip('1.2.3.4')) == '1.2.3.4' && string(cidr('1.2.3.0/24')) == '1.2.3.0/24'",
    "string(dyn(ip('::1'))) == '::1' && string(dyn(1)) == '1'",
    "format.dns1123LabelPrefix().validate('a-') == optional.none() && format.dns1123Label().validate('a-').hasValue()",
    "format.uri().validate('a b').hasValue() && !format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
    "format.named('labelValue').value().validate('a b').hasValue() && !format.named('none').hasValue()",
    "semver('v1.2', true) == semver('1.2.0') && semver('01.2.3-a', true).major() == 1 && !isSemver('v1.2')",
    "isSemver('v1', true) && !isSemver('x', true)",
    "{'a': 'b'}.transformMapEntry(k, v, {v: k}) == {'b': 'a'}",
    "['x', 'y'].transformMapEntry(i, v, i > 0, {v: i}) == {'y': 1}",
    "[{'a': 2}, {'a': 1}].sortBy(x, x.a)[0].a == 1",
    "1 + 2 * 3 == 7",
    "-7 / 2 == -3 && -7 % 2 == -1",
    "1u + 2u == 3u",
    "1 == 1.0 && 1u == 1 && 2 > 1.5",
    "'a' + 'b' == \"ab\" && r'\\n'.size() == 2",
    "b'abc'.size() == 3",
    "0x1F == 31 && 1e3 == 1000.0",
    "true ? true : 1 / 0 == 0",
    "true || 1 / 0 == 0",
    "1 / 0 == 0 || true",
    "!(false && 1 / 0 == 0)",
    "[1, 2] + [3] == [1, 2, 3]",
    "2 in [1, 2] && !('z' in {'a': 1})",
    "{'a': [1]}['a'][0] == 1 && {'a': 1}.a == 1",
    "has(self.a) && !has(self.b)",
    "self.?b.orValue(5) == 5 && self.?a.orValue(5) == 1",
    "self.?map.?x.hasValue() && !self.?b.?c.hasValue()",
    "self.list[?9].orValue(7) == 7",
    "optional.of(2).optMap(x, x * 2).value() == 4",
    "[1, ?optional.none(), ?optional.of(3)] == [1, 3]",
    "{?'a': optional.none()} == {}",
    "numbers.all(n, n > 0) && numbers.exists(n, n == 3) && numbers.exists_one(n, n == 1)",
    "numbers.exists(n, n / 0 == 1 || n == 3)",
    "numbers.map(n, n * 2) == [6, 2, 4] && numbers.map(n, n > 1, n) == [3, 2]",
    "numbers.filter(n, n != 1) == [3, 2]",
    "numbers.all(i, n, i >= 0 && n > 0)",
    "labels.all(k, k.size() > 2) && labels.exists(k, v, v == 'web')",
    "labels.transformMap(k, v, v + '!') == {'app': 'web!', 'tier': 'front!'}",
    "numbers.transformList(i, n, i + n) == [3, 2, 4]",
    "cel.bind(x, numbers.sum(), x + x) == 12",
    "numbers.min() == 1 && numbers.max() == 3 && !numbers.isSorted() && numbers.sort() == [1, 2, 3]",
    "[1, 2, 2].indexOf(2) == 1 && [1, 2, 2].lastIndexOf(2) == 2",
    "[[1], [2]].flatten() == [1, 2] && [1, 1].distinct() == [1] && [1, 2, 3].slice(1, 2) == [2]",
    "sets.contains([1, 2], [2]) && sets.equivalent([1, 2], [2, 1]) && !sets.intersects([1], [2])",
    "'hello'.startsWith('he') && 'hello'.endsWith('lo') && 'hello'.contains('ell')",
    "'abc123'.matches('^[a-z]+[0-9]{3}$') && 'abc123'.find('[0-9]+') == '123'",
    "'1 22 333'.findAll('[0-9]+') == ['1', '22', '333'] && '1 22'.findAll('[0-9]+', 1) == ['1']",
    "'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'",
    "'hello'.charAt(1) == 'e' && 'hello'.indexOf('l') == 2 && 'hello'.lastIndexOf('l') == 3",
    "'hello'.substring(1, 3) == 'el' && ' x '.trim() == 'x' && 'aXa'.replace('a', 'b', 1) == 'bXa'",
    "'Ab'.lowerAscii() == 'ab' && 'Ab'.upperAscii() == 'AB'",
    "'%s has %d, %.2f'.format(['x', 3, 1.5]) == 'x has 3, 1.50'",
    "'%s'.format([[1, 'a', true]]) == '[1, a, true]'",
    "int('7') == 7 && string(7) == '7' && double('1.5') == 1.5 && uint(3) == 3u && bool('true')",
    "type(1) == int && type('a') == string && type(self.none) == null_type",
    "duration('1h') > duration('59m') && duration('90s').getMinutes() == 1",
    "timestamp('2026-01-02T03:04:05Z').getFullYear() == 2026",
    "timestamp('2026-01-02T03:04:05Z') + duration('1h') == timestamp('2026-01-02T04:04:05Z')",
    "timestamp('2026-01-02T03:04:05Z').getHours('+02:00') == 5",
    "quantity('1Gi').isGreaterThan(quantity('1Mi')) && quantity('500m').add(quantity('500m')).asInteger() == 1",
    "isQuantity('20M') && !isQuantity('20Q') && quantity('1k') == quantity('1000')",
    "ip('192.168.0.1').family() == 4 && isIP('::1') && !isIP('1.2.3') && ip('127.0.0.1').isLoopback()",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16'))",
    "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8",
    "url('https://x.org:80/a?b=c').getHost() == 'x.org:80' && url('https://x.org:80/a?b=c').getPort() == '80'",
    "url('https://x.org/a?b=c').getQuery() == {'b': ['c']} && !isURL('::x')",
    "!format.dns1123Label().validate('my-name').hasValue() && format.dns1123Label().validate('No!').hasValue()",
    "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1",
    "base64.encode(b'hello') == 'aGVsbG8=' && base64.decode('aGVsbG8=') == b'hello'",
    "dyn(1) == 1.0 && dyn('a') != 1",
    "self.list.size() == 3 && size(self.text) == 3",
    "lists.range(3) == [0, 1, 2]",
    "'a' in labels.map(k, k.substring(0, 1))",
]


@pytest.mark.parametrize("text", TRUE)
def test_true(text):
    value, cost = cel.compile(text, VARIABLES).run(VALUES)
    assert value is True
    assert cost >= 0


FAILING = {
    "1 / 0 == 0": "division by zero",
    "9223372036854775807 + 1 > 0": "integer overflow",
    "self.b == 1": "no such key: b",
    "self.list[9] == 1": "index out of bounds: 9",
    "self.text + 1 == 2": "no such overload: _+_(string, int)",
    "quantity('x').sign() == 0": "x",
    "timestamp('yesterday') == timestamp('2026-01-01T00:00:00Z')": "yesterday",
    "'x'.matches('[')": "error parsing regexp",
    "numbers.all(n, n / 0 == 1)": "division by zero",
    "[?self.a] == []": "no such overload: an optional of type int",
}


@pytest.mark.parametrize(("text", "said"), FAILING.items())
def test_failing(text, said):
    with pytest.raises(cel.CelError, match=re.escape(said)):
        cel.compile(text, VARIABLES).run(VALUES)


WRONG = {
    "1 +": "Syntax error",
    "unknown == 1": "undeclared reference to 'unknown'",
    "nothing(1)": "undeclared reference to 'nothing'",
    "'a' + 1": "found no matching overload for '_+_' applied to '(string, int)'",
    "labels.app + 1": "found no matching overload",
    "numbers.startsWith('a')": "found no matching overload for 'startsWith' applied to 'list(int).(string)'",
    "numbers.all(n, n)": "expected type 'bool' but found 'int'",
    "'a' ? 1 : 2": "expected type 'bool' but found 'string'",
    "1" + " + 1" * 5000: "recursion limit",
    "numbers.x": "does not support field selection",
    "(" * 200 + "1" + ")" * 200: "recursion limit",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_wrong(text, said):
    with pytest.raises(cel.CompileError) as refused:
        cel.compile(text, VARIABLES)
    assert said in str(refused.value)


EXPECTED = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
)
SYNTAX = {
    "self = 42": ["6: token recognition error at: '= '", "8: extraneous input '42' expecting <EOF>"],
    "Bad_Value!/..": ["10: mismatched input '!' expecting <EOF>"],
    "object.spec.(": ["13: no viable alternative at input '.('"],
    "1 + $": ["5: token recognition error at: '$'", f"6: mismatched input '<EOF>' expecting {EXPECTED}"],
    "*@a | b": [
        f"1: extraneous input '*' expecting {EXPECTED}",
        "2: token recognition error at: '@'",
        "5: token recognition error at: '| '",
        "7: extraneous input 'b' expecting <EOF>",
    ],
    "[1": ["3: missing ']' at '<EOF>'"],
    "(1]": ["3: mismatched input ']' expecting ')'"],
}


@pytest.mark.parametrize(("text", "said"), SYNTAX.items())
def test_every_problem_of_what_is_no_expression_is_told(text, said):
    with pytest.raises(cel.CompileError) as refused:
        cel.compile(text, VARIABLES)
    told = [line.removeprefix("ERROR: <input>:1:") for line in str(refused.value).splitlines() if line[:5] == "ERROR"]
    assert told == [one.replace(": ", ": Syntax error: ", 1) for one in said]


def test_an_error_shows_where_it_is():
    with pytest.raises(cel.CompileError) as refused:
        cel.compile("labels.app +\n 1", VARIABLES)
    assert str(refused.value).splitlines()[1:] == [" | labels.app +", " | ...........^"]


def test_a_run_ends_with_its_budget():
    program = cel.compile("numbers.all(n, numbers.all(m, n + m > 0))", VARIABLES)
    with pytest.raises(cel.BudgetError):
        program.run({"numbers": list(range(1, 1000))}, 1000)


def test_no_operator_absorbs_the_budget():
    program = cel.compile("numbers.all(n, n > 0) || true", VARIABLES)
    with pytest.raises(cel.BudgetError):
        program.run({"numbers": list(range(1, 1000))}, 100)


def test_the_highest_price_is_not_below_the_real_one():
    for text in TRUE:
        program = cel.compile(text, VARIABLES)
        assert program.cost >= program.run(VALUES)[1], text


def test_the_price_grows_with_the_sizes():
    text = "xs.all(x, xs.all(y, x == y))"
    small, large = (cel.compile(text, {"xs": list_of(STRING, size)}) for size in (10, 1000))
    assert large.cost > 5000 * small.cost


def test_unsigned_integers_are_a_type_of_their_own():
    assert type(cel.compile("3u", {}).run({})[0]) is UInt


@given(st.recursive(LEAVES, lambda inner: st.builds(joined, st.sampled_from(SHAPES), inner, inner), max_leaves=12))
@settings(max_examples=300, deadline=None)
def test_any_expression_answers_or_fails_by_its_own_errors(text):
    try:
        cel.compile(text, VARIABLES).run(VALUES, 10_000)
    except cel.CelError:
        return
