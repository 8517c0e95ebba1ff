"""The arithmetic of the language: agrees with Python where both have a value, and is a clear error elsewhere."""

from __future__ import annotations

import doctest
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nas.errors import SpecError
from nas.space import expression as module
from nas.space.expression import ExpressionError, MissingName, parse
from nas.space.text import read_text

ENV = {
    "i": 3,
    "out": 96,
    "width": 1.25,
    "s1.2.block": "mbconv",
    "cell.edges.0>1": "skip",
    "on": True,
    "absent": None,
    "x": 2.5,
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("-2 ** 2", -4),
        ("2 ** 3 ** 2", 512),
        ("2 ** -1", 0.5),
        ("7 // 2 * 2 + 7 % 2", 7),
        ("-7 // 2", -4),
        ("10 - 4 - 3", 3),
        ("out // 32", 3),
        ("i % 2 * 3", 3),
        ("round8(24 * width)", 32),
        ("8 * round(x / 8)", 0),
        ("max(16, out, i) + min(3)", 99),
        ("floor(x) + ceil(x) + abs(-1)", 6),
        ("sqrt(16) + log2(8) + log(exp(1))", 8.0),
        ("s1.2.block == 'mbconv'", True),
        ('s1.2.block != "mbconv"', False),
        ("cell.edges.'0>1' == 'skip'", True),
        ("i in [1, 2, 3]", True),
        ("s1.2.block not in ['a', 'b']", True),
        ("i in []", False),
        ("1 < i <= 3 < out", True),
        ("not on or i == 3 and out > 100", False),
        ("on == 1", False),
        ("on == true", True),
        ("absent == none", True),
        ("absent == 'none'", True),
        ("i == 3.0", True),
        ("'3' == 3", False),
        ("not not on", True),
        (".5e1", 5.0),
        ("out", 96),
        ("none", None),
    ],
)
def test_values(text: str, value: Any) -> None:
    found = parse(text).evaluate(ENV)
    assert found == value
    assert type(found) is type(value)


def test_names_are_dotted() -> None:
    assert parse("s1.2.block == 'a' and max(w, s1.repeat) > cell.'0>1'").names == {
        "s1.2.block",
        "w",
        "s1.repeat",
        "cell.0>1",
    }
    assert parse("1 + 1").names == frozenset()


@pytest.mark.parametrize("value", range(1, 400))
def test_round8_is_efficientnets(value: int) -> None:
    rounded = parse("round8(x)").evaluate({"x": value})
    assert rounded % 8 == 0
    assert rounded >= max(8, 0.9 * value)
    assert rounded == 8 or abs(rounded - value) <= 4 or rounded - 8 < 0.9 * value


@pytest.mark.parametrize(
    ("text", "env", "excess"),
    [
        ("latency_ms <= 1.5", {"latency_ms": 2.0}, 0.5),
        ("latency_ms <= 1.5", {"latency_ms": 1.5}, 0.0),
        ("macs < 10 and params <= 4", {"macs": 12, "params": 9}, 5.0),
        ("macs < 10 or params <= 4", {"macs": 12, "params": 9}, 2.0),
        ("8 <= out <= 64", {"out": 70}, 6.0),
        ("out >= 64", {"out": 70}, -6.0),
        ("not out > 64", {"out": 70}, 6.0),
        ("not (out > 64 or out < 8)", {"out": 70}, 6.0),
        ("out == 64", {"out": 60}, 4.0),
        ("out != 64", {"out": 64}, 1.0),
        ("block == 'a'", {"block": "b"}, 1.0),
        ("block in ['a', 'b']", {"block": "b"}, 0.0),
        ("out <= 3", {"out": np.int64(5)}, 2.0),
        ("out <= 1e400", {"out": 1}, None),
        ("a <= b", {"a": math.inf, "b": math.inf}, 0.0),
        ("a <= b", {"a": math.inf, "b": 1}, math.inf),
        ("a <= b", {"a": 2**53 + 1, "b": float(2**53)}, None),
        ("a <= b", {"a": 10**400, "b": 1}, math.inf),
    ],
)
def test_excess(text: str, env: dict[str, Any], excess: float | None) -> None:
    if "1e400" in text:
        with pytest.raises(ExpressionError):
            parse(text)
        return
    found = parse(text).excess(env)
    assert isinstance(found, float)
    assert found == excess if excess is not None else found > 0


def test_equality_is_no_success_under_a_strict_bound() -> None:
    for value in (0, 1, 1.5, 1e-300, 10**6, 1e200, -7, 2**60):
        assert parse("a < b").excess({"a": value, "b": value}) > 0
        assert parse("a > b").excess({"a": value, "b": value}) > 0
        assert parse("a <= b").excess({"a": value, "b": value}) == 0


NUMBERS = st.integers(-50, 50) | st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@st.composite
def sums(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["a", "b", "3", "0.5", "7"]))
    operator = draw(st.sampled_from(["+", "-", "*", "/", "//", "%"]))
    text = f"{draw(sums(depth - 1))} {operator} {draw(sums(depth - 1))}"
    return f"({text})" if draw(st.booleans()) else text


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.sampled_from(["compare", "chain", "and", "or", "not"])) if depth else "compare"
    compare = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    match kind:
        case "compare":
            return f"{draw(sums(1))} {draw(compare)} {draw(sums(1))}"
        case "chain":
            return f"{draw(sums(1))} {draw(compare)} {draw(sums(1))} {draw(compare)} {draw(sums(1))}"
        case "not":
            return f"not ({draw(conditions(depth - 1))})"
    return f"({draw(conditions(depth - 1))}) {kind} ({draw(conditions(depth - 1))})"


@given(sums(), NUMBERS, NUMBERS)
def test_arithmetic_is_pythons(text: str, a: float, b: float) -> None:
    try:
        expected = eval(text, {"a": a, "b": b})
    except ZeroDivisionError:
        with pytest.raises(ExpressionError, match="division by zero"):
            parse(text).evaluate({"a": a, "b": b})
        return
    assume(math.isfinite(expected))
    assert parse(text).evaluate({"a": a, "b": b}) == expected


@given(conditions(), NUMBERS, NUMBERS)
def test_excess_is_at_most_zero_exactly_where_the_condition_holds(text: str, a: float, b: float) -> None:
    env = {"a": a, "b": b}
    try:
        expected = eval(text, {}, env)
    except ZeroDivisionError:
        return
    try:
        expression = parse(text)
    except ExpressionError:  # a part without names is computed at once: 3 / (7 - 7), which `or` would not have reached
        assume(False)
    assert expression.evaluate(env) is expected
    assert (expression.excess(env) <= 0) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a number, a name, quoted text or '(', but found the end"),
        ("1 +", "character 4: expected a number"),
        ("(1", "expected ')'"),
        ("1 2", "expected an operator or the end, but found '2'"),
        ("2dim", "write '2 * ...'"),
        ("1.2.3", "must not run into"),
        ("mox(1)", "did you mean 'max'?"),
        ("floor(1, 2)", "floor takes one number, but got 2"),
        ("max()", "at least one number"),
        ("a && b", "'&&' is written 'and'"),
        ("a = 1", "character 3: '=' is written '=='"),
        ("!a", "'!' is written 'not'"),
        ("a == True", "'True' is written 'true'"),
        ("a == null", "'null' is written 'none'"),
        ("2 ^ 3", "'^' is written '**'"),
        ("'abc", "must end with the same quote"),
        ("a; b", "';' has no meaning"),
        ("a.", "must go on after its dot"),
        ("a in 3", "a list such as [3, 5]"),
        ("__import__('os')", "no function"),
        ("a if b else c", "found 'if'"),
        ("1 / 0", "division by zero"),
        ("9 ** 9 ** 9", "too large"),
        ("10 ** 300 * 10 ** 300", "too large"),
        ("exp(1e6)", "too large"),
        ("1e999", "too large"),
        ("9" * 400, "300 digits"),
        ("(-8) ** 0.5", "no value for -8, 0.5"),
        ("sqrt(-1)", "sqrt has no value for -1"),
        ("'a' * 1000", "need numbers, but got the text 'a'"),
        ("true + 1", "got true"),
        ("none < 1", "got none"),
        ("not 3", "must be true or false, but is 3"),
        ("1 and true", "must be true or false"),
        ("(" * 200, "nest at most"),
        ("-" * 500 + "1", "nest at most"),
        ("+".join("a" * 200), "operations deep"),
        ("a" * 2000, "at most 1000 characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_position(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert caught.value.position >= 1


def test_errors_name_the_place_in_the_file() -> None:
    node = read_text("stages:\n  - {name: s1, out: $i // (j - 2)}", "a.yaml").at(["stages", 0, "out"])
    text = str(node.value)[1:]
    with pytest.raises(
        SpecError, match=r"^a.yaml:2:21: at stages.s1.out: in 'i // \(j - 2\)', character 3: division by zero$"
    ):
        parse(text, node).evaluate({"i": 1, "j": 2})
    with pytest.raises(
        MissingName, match=r"a.yaml:2:21: at stages.s1.out: .*'j' has no value here; did you mean 'jj'\?"
    ):
        parse(text, node).evaluate({"i": 1, "jj": 2})
    with pytest.raises(ExpressionError, match="not-a-number"):
        parse("a <= 1").excess({"a": math.nan})
    with pytest.raises(ExpressionError, match="true or false, but is 3"):
        parse("a + 1").excess({"a": 2})


def test_a_settled_condition_does_not_mind_what_is_missing() -> None:
    for text, value in (("n == 0 or s.block == 'a'", True), ("n > 0 and s.depth < 3", False)):
        assert parse(text).evaluate({"n": 0}) is value
        assert (parse(text).excess({"n": 0}) <= 0) is value
    with pytest.raises(MissingName):
        parse("n > 0 or s.depth < 3").excess({"n": 0})


def test_expressions_and_their_errors_travel_between_processes() -> None:
    expression = parse("a < 3", read_text("x: a < 3").at(["x"]))
    copy = pickle.loads(pickle.dumps(expression))
    assert copy == expression
    assert copy.evaluate({"a": 2}) is True
    with pytest.raises(MissingName) as caught:
        copy.evaluate({})
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.position, again.mark) == (str(caught.value), 1, caught.value.mark)


@given(st.text(alphabet="ab1.0 ()[],'\"+-*/%<>=!notrandmixé$&|", max_size=30))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        outcome = parse(text).evaluate({"a": 2, "b": 0.5})
    except ExpressionError as error:
        outcome = error.text
    assert outcome is None or isinstance(outcome, (int, float, str))


def test_the_examples_in_the_documentation() -> None:
    assert doctest.testmod(module) == (0, 2)
