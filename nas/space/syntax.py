"""Expression text to terms: a precedence parser with bounds, and no other way in."""

from __future__ import annotations

from nas.errors import nearest
from nas.space.functions import FUNCTIONS
from nas.space.terms import All, Call, Comparator, Compare, Constant, Either, Member, Name, Not, Term, height
from nas.space.tokens import Source, Token, tokenize

MAX_DEPTH = 80

BINARY = {"+": 1, "-": 1, "*": 2, "/": 2, "//": 2, "%": 2}
COMPARATORS: dict[str, Comparator] = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "==": "==", "!=": "!="}
CONSTANTS = {"true": True, "false": False, "none": None}


def parse_term(source: Source) -> Term:
    """The tree of an expression. Raises `ExpressionError`."""
    parser = _Parser(source)
    term = parser.either(0)
    if parser.token.kind != "end":
        raise parser.expected("an operator or the end")
    if height(term) > MAX_DEPTH:
        raise source.fail(f"an expression must be at most {MAX_DEPTH} operations deep", 0)
    return term


class _Parser:
    """Loosest first: or, and, not, comparison, sum, product, sign, power. `depth` counts what stands inside what."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.index = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def at(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.value in operators

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def need(self, operator: str) -> None:
        if not self.at(operator):
            raise self.expected(f"'{operator}'")
        self.index += 1

    def expected(self, what: str) -> Exception:
        return self.source.fail(f"expected {what}, but found {self.token}", self.token.position)

    def deeper(self, depth: int) -> int:
        if depth >= MAX_DEPTH // 4:
            raise self.source.fail(f"an expression must nest at most {MAX_DEPTH // 4} deep", self.token.position)
        return depth + 1

    def either(self, depth: int) -> Term:
        start = self.token.position
        terms = [self.all(depth)]
        while self.at("or"):
            self.take()
            terms.append(self.all(depth))
        return terms[0] if len(terms) == 1 else Either(tuple(terms), start)

    def all(self, depth: int) -> Term:
        start = self.token.position
        terms = [self.negation(depth)]
        while self.at("and"):
            self.take()
            terms.append(self.negation(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms), start)

    def negation(self, depth: int) -> Term:
        if self.at("not"):
            start = self.take().position
            return Not(self.negation(self.deeper(depth)), start)
        return self.comparison(depth)

    def comparison(self, depth: int) -> Term:
        left = self.binary(1, depth)
        links: list[Term] = []
        start = self.token.position
        while self.at(*COMPARATORS, "in", "not"):
            token = self.take()
            if token.value in COMPARATORS:
                right = self.binary(1, depth)
                links.append(Compare(COMPARATORS[str(token.value)], left, right, token.position))
                left = right
                continue
            if token.value == "not":
                self.need("in")
            member = Member(left, self.options(depth), token.position)
            links.append(Not(member, token.position) if token.value == "not" else member)
            break
        return (links[0] if len(links) == 1 else All(tuple(links), start)) if links else left

    def options(self, depth: int) -> tuple[Term, ...]:
        if not self.at("["):
            raise self.expected("a list such as [3, 5] after 'in'")
        self.take()
        options: list[Term] = []
        while not self.at("]"):
            options.append(self.binary(1, self.deeper(depth)))
            if not self.at("]"):
                self.need(",")
        self.take()
        return tuple(options)

    def binary(self, level: int, depth: int) -> Term:
        if level == 3:
            return self.sign(depth)
        left = self.binary(level + 1, depth)
        while self.token.kind == "operator" and BINARY.get(str(self.token.value)) == level:
            token = self.take()
            left = Call(str(token.value), (left, self.binary(level + 1, depth)), token.position)
        return left

    def sign(self, depth: int) -> Term:
        if self.at("-", "+"):
            token = self.take()
            return Call(
                "negative" if token.value == "-" else "positive", (self.sign(self.deeper(depth)),), token.position
            )
        base = self.atom(depth)
        if self.at("**"):
            token = self.take()
            return Call("**", (base, self.sign(self.deeper(depth))), token.position)
        return base

    def atom(self, depth: int) -> Term:
        token = self.token
        if token.kind in ("number", "text"):
            return Constant(self.take().value, token.position)
        if token.kind == "operator" and token.value in CONSTANTS:
            return Constant(CONSTANTS[str(self.take().value)], token.position)
        if token.kind == "name":
            self.take()
            return self.call(token, depth) if self.at("(") else Name(str(token.value), token.position)
        if self.at("in"):  # where a value must stand, the input channels of a block
            return Name(str(self.take().value), token.position)
        if self.at("("):
            self.take()
            term = self.either(self.deeper(depth))
            self.need(")")
            return term
        raise self.expected("a number, a name, quoted text or '('")

    def call(self, name: Token, depth: int) -> Term:
        function = FUNCTIONS.get(str(name.value))
        if function is None:
            raise self.source.fail(f"there is no function {name}; {nearest(str(name.value), FUNCTIONS)}", name.position)
        self.take()
        arguments: list[Term] = []
        while not self.at(")"):
            arguments.append(self.either(self.deeper(depth)))
            if not self.at(")"):
                self.need(",")
        self.take()
        if not arguments or (len(arguments) > 1 and not function.many):
            allowed = "at least one number" if function.many else "one number"
            raise self.source.fail(f"{name.value} takes {allowed}, but got {len(arguments)}", name.position)
        return Call(str(name.value), tuple(arguments), name.position)
