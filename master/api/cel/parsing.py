"""From an expression's text to its tree, by the precedence of its operators."""

from __future__ import annotations

from master.api.cel.errors import CompileError
from master.api.cel.tokens import END, IDENT, LITERAL, RESERVED, SIGN, Token, tokens
from master.api.cel.tree import Call, Listing, Literal, Making, Mapping, Name, Node, Select

BINDING = {
    "||": 0,
    "&&": 1,
    **dict.fromkeys(("<", "<=", ">=", ">", "==", "!=", "in"), 2),
    **dict.fromkeys(("+", "-"), 3),
    **dict.fromkeys(("*", "/", "%"), 4),
}
"""How close an operator binds what stands beside it."""
BEGINNINGS = ("[", "{", "(", ".", "-", "!")
EXPRESSION = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
)
"""What an expression may begin with, as the reference lists it."""
DEEPEST = 100


def parse(text: str) -> Node:
    """CompileError where it is no expression."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens, self._problems = tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._expression()
        if self._peek().kind != END:
            last = self._tokens[self._next + 1].kind == END
            raise self._wrong(f"{'extraneous' if last else 'mismatched'} input '{self._peek().said}' expecting <EOF>")
        if self._problems:
            raise CompileError(self._text, *self._problems.pop(), self._problems)
        return node

    # Tokens

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _is(self, *signs: str) -> bool:
        token = self._peek()
        return token.kind == SIGN and token.value in signs

    def _take(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _accept(self, sign: str) -> bool:
        if self._is(sign):
            self._next += 1
            return True
        return False

    def _expect(self, sign: str) -> Token:
        if not self._is(sign):
            said, ended = self._peek().said, self._peek().kind == END
            raise self._wrong(
                f"missing '{sign}' at '{said}'" if ended else f"mismatched input '{said}' expecting '{sign}'"
            )
        return self._take()

    def _identifier(self) -> Token:
        if self._peek().kind != IDENT:
            raise self._wrong(
                f"no viable alternative at input '{self._tokens[self._next - 1].said}{self._peek().said}'"
            )
        return self._take()

    def _wrong(self, said: str) -> CompileError:
        """In the words of the reference's parser."""
        return CompileError(self._text, self._peek().at, f"Syntax error: {said}", self._problems)

    # Expressions

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise CompileError(self._text, self._peek().at, "expression recursion limit exceeded")
        node = self._binary(0)
        if self._is("?"):
            at = self._take().at
            yes = self._binary(0)
            self._expect(":")
            node = Call("_?_:_", (node, yes, self._expression()), at=at)
        self._depth -= 1
        return node

    def _binary(self, loosest: int) -> Node:
        node = self._unary()
        while self._peek().kind == SIGN and BINDING.get(self._peek().value, -1) >= loosest:
            token = self._take()
            name = "@in" if token.value == "in" else f"_{token.value}_"
            node = Call(name, (node, self._binary(BINDING[token.value] + 1)), at=token.at)
        return node

    def _unary(self) -> Node:
        if self._is("!"):
            at = self._take().at
            return Call("!_", (self._unary(),), at=at)
        if self._is("-"):
            at = self._take().at
            operand = self._unary()
            if isinstance(operand, Literal) and type(operand.value) in (int, float):
                return Literal(-operand.value, at)
            return Call("-_", (operand,), at=at)
        return self._member()

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._is("."):
                node = self._dotted(node, self._take().at)
            elif self._is("["):
                node = self._indexed(node, self._take().at)
            elif self._is("{") and (name := _qualified(node)):
                node = self._making(name, self._take().at)
            else:
                return node

    def _dotted(self, operand: Node, at: int) -> Node:
        maybe = self._accept("?")
        field = self._identifier()
        if self._is("(") and not maybe:
            self._take()
            return Call(field.value, self._arguments(), operand, at)
        return Select(operand, field.value, maybe, at)

    def _indexed(self, operand: Node, at: int) -> Node:
        name = "_[?_]" if self._accept("?") else "_[_]"
        index = self._expression()
        self._expect("]")
        return Call(name, (operand, index), at=at)

    def _primary(self) -> Node:
        token = self._take()
        match token.kind, token.value:
            case kind, value if kind == LITERAL:
                return Literal(value, token.at)
            case _, ".":
                return self._named(self._identifier())
            case kind, _ if kind == IDENT:
                return self._named(token)
            case _, "(":
                node = self._expression()
                self._expect(")")
                return node
            case _, "[":
                return self._listing(token.at)
            case _, "{":
                return self._mapping(token.at)
        self._next -= 1
        return self._without(token)

    def _without(self, token: Token) -> Node:
        """The expression that begins after a token which has no place here; what is wrong is told at the end."""
        after = self._tokens[self._next + 1] if token.kind != END else token
        if after.kind in (LITERAL, IDENT) or (after.kind == SIGN and after.value in BEGINNINGS):
            self._problems.append((token.at, f"Syntax error: extraneous input '{token.said}' expecting {EXPRESSION}"))
            self._next += 1
            return self._primary()
        raise self._wrong(f"mismatched input '{token.said}' expecting {EXPRESSION}")

    def _named(self, token: Token) -> Node:
        if token.value in RESERVED:
            raise CompileError(self._text, token.at, f"reserved identifier: {token.value}")
        if self._accept("("):
            return Call(token.value, self._arguments(), at=token.at)
        return Name(token.value, token.at)

    def _arguments(self) -> tuple[Node, ...]:
        found = []
        while not self._is(")"):
            found.append(self._expression())
            if not self._accept(","):
                break
        self._expect(")")
        return tuple(found)

    def _listing(self, at: int) -> Node:
        items = []
        while not self._is("]"):
            maybe = self._accept("?")
            items.append((self._expression(), maybe))
            if not self._accept(","):
                break
        self._expect("]")
        return Listing(tuple(items), at)

    def _mapping(self, at: int) -> Node:
        entries = []
        while not self._is("}"):
            maybe = self._accept("?")
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression(), maybe))
            if not self._accept(","):
                break
        self._expect("}")
        return Mapping(tuple(entries), at)

    def _making(self, name: str, at: int) -> Node:
        fields = []
        while not self._is("}"):
            maybe = self._accept("?")
            field = self._identifier().value
            self._expect(":")
            fields.append((field, self._expression(), maybe))
            if not self._accept(","):
                break
        self._expect("}")
        return Making(name, tuple(fields), at)


def _qualified(node: Node) -> str:
    """`a.b.c` where the tree is just that; empty for anything else."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select) and not node.maybe:
        prefix = _qualified(node.operand)
        return f"{prefix}.{node.field}" if prefix else ""
    return ""
