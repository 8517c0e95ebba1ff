"""Structural constraints under decisions: which is violated, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nas.errors import InvalidArchitecture
from nas.space.decisions import BadDecisions, Label
from nas.space.evaluation import Frame, evaluate, known
from nas.space.expression import ExpressionError
from nas.space.forms import Constraint, Fact, Fixed, Form, Pick, Shared

Read = Callable[[Mapping[str, Label], Mapping[str, Any]], Any]


class Checker:
    """All structural constraints of a space; results are remembered by the values they saw."""

    def __init__(self, constraints: Iterable[Constraint]) -> None:
        self._rules = [
            (constraint, tuple(name for name, _ in constraint.facts), [read_fact(fact) for _, fact in constraint.facts])
            for constraint in constraints
        ]
        self._seen: list[dict[tuple[Any, ...], bool]] = [{} for _ in self._rules]

    def check(self, decisions: Mapping[str, Label], recorded: Mapping[str, Any]) -> None:
        """Raises `InvalidArchitecture` for the first that does not hold. One about something absent holds."""
        for (constraint, names, readers), seen in zip(self._rules, self._seen, strict=True):
            values = tuple([read(decisions, recorded) for read in readers])
            holds = seen.get(values)
            if holds is None:
                holds = seen[values] = holds_for(constraint, dict(zip(names, values, strict=True)))
            if not holds:
                said = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
                mark = constraint.node.mark if constraint.node.mark.line else None
                raise InvalidArchitecture(
                    f"{constraint.expression.text} must hold, but {said}", path="constraints", mark=mark
                )


def holds_for(constraint: Constraint, values: Mapping[str, Any]) -> bool:
    """Whether a constraint holds for the values of all its facts, None being absent."""
    if any(value is None for value in values.values()):
        return True
    try:
        found = constraint.expression.evaluate(values)
    except ExpressionError as error:
        raise constraint.node.fail(f"the constraint has no value here: {error.problem}") from None
    if not isinstance(found, bool):
        raise constraint.node.fail(f"a constraint must be true or false, but gives {found}; compare it with something")
    return found


def read_fact(fact: Shared | Fact) -> Read:
    """A quick way to the value of a fact, None where it is absent."""
    if isinstance(fact, Shared):
        return lambda decisions, recorded: _var(fact, decisions, recorded)
    name = fact.decision or _same_as(fact.form)
    if name is not None:  # a decision that was made was reached, so all it depends on holds
        return lambda decisions, recorded: decisions.get(name)
    if fact.form is None and fact.constant is None:
        return lambda decisions, recorded: recorded.get(fact.name)
    return lambda decisions, recorded: known(fact, Frame(decisions, recorded))


def _same_as(form: Form | None) -> str | None:
    """The decision whose label is the value of a form."""
    if isinstance(form, Pick) and all(isinstance(option, Fixed) for option in form.options.values()):
        return form.site.name(None)
    return None


def _var(fact: Shared, decisions: Mapping[str, Label], recorded: Mapping[str, Any]) -> Any:
    try:
        return evaluate(fact, Frame(decisions, recorded))
    except BadDecisions:  # no block that was reached uses the var
        return None
