"""The value of a form under decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.arch import MapShape, PyramidShape, Shape, TokenShape, VectorShape, main_of
from nas.errors import InvalidArchitecture
from nas.space.decisions import BadDecisions, Label
from nas.space.expression import ExpressionError
from nas.space.forms import (
    BlockForm,
    Computed,
    Each,
    Fact,
    Fixed,
    Form,
    ListForm,
    Local,
    MapForm,
    Nothing,
    PartForm,
    Pick,
    Sequence,
    Shared,
)
from nas.space.kinds import fit


@dataclass(slots=True)
class Frame:
    """Where a form is evaluated: the decisions, what was recorded so far, the block's index, the shape before it."""

    decisions: Mapping[str, Label]
    recorded: Mapping[str, Any] = field(default_factory=dict)
    index: int | None = None
    repeat: int | None = None
    shape: Shape | None = None
    out: int | None = None

    def local(self, name: str) -> int | None:
        match name:
            case "i":
                return self.index
            case "n":
                return self.repeat
            case "out":
                return self.out
            case "in":
                return None if self.shape is None else self.shape.channels
        match None if self.shape is None else main_of(self.shape):
            case MapShape(_, height, width):
                return height if name == "h" else width
            case TokenShape(grid=(rows, columns)):
                return rows if name == "h" else columns
            case TokenShape() | VectorShape() | PyramidShape():
                raise InvalidArchitecture(f"'{name}' must be the size of a grid, but here {self.shape} arrive")
        return None


def evaluate(form: Form, frame: Frame) -> Any:
    """The plain value of a value form: scalars, tuples, dicts, a part as its kind or `{kind: fields}`, shared ones as
    `{"@@name": part}`.

    Raises `InvalidArchitecture` where an expression has no value or one that does not fit.
    """
    match form:
        case Fixed(value):
            return value
        case Pick(site, options):
            label = chosen(form, frame)
            return label if site.continuous else evaluate(options[label], frame)
        case Computed():
            return _compute(form, frame)
        case Shared(group, inner):
            value = evaluate(inner, frame)
            return value if group.part is None or value is None else {f"@@{group.part}": value}
        case Each(items):
            return evaluate(_item(form, frame), frame)
        case PartForm(kind, fields):
            return {kind: {name: evaluate(item, frame) for name, item in fields.items()}} if fields else kind
        case MapForm(items):
            return {name: evaluate(item, frame) for name, item in items.items()}
        case ListForm(items, vanish):
            values = (evaluate(item, frame) for item in items)
            return tuple(value for value in values if not (vanish and (value is None or value == "none")))
    raise TypeError(f"{type(form).__name__} has no value")


def chosen(pick: Pick, frame: Frame) -> Label:
    """The label that the decisions give for a pick."""
    name = pick.site.name(frame.index)
    try:
        label = frame.decisions[name]
    except KeyError:
        raise BadDecisions("the decisions must answer this, but do not", path=name) from None
    if pick.site.continuous:
        low, high = pick.site.labels
        if isinstance(label, bool) or not isinstance(label, int | float) or not low <= label <= high:  # type: ignore[operator]
            raise BadDecisions(f"must be from {low} to {high}, but got {label!r}", path=name)
    elif label not in pick.options:
        raise BadDecisions(f"must be one of {', '.join(map(str, pick.options))}, but got {label!r}", path=name)
    return label


def nodes(form: Form, frame: Frame) -> Iterator[BlockForm]:
    """The blocks that a node form stands for, in order."""
    match form:
        case BlockForm():
            yield form
        case Sequence(items):
            for item in items:
                yield from nodes(item, frame)
        case Pick(_, options):
            yield from nodes(options[chosen(form, frame)], frame)
        case Shared(_, inner):
            yield from nodes(inner, frame)
        case Each():
            yield from nodes(_item(form, frame), frame)
        case Nothing():
            pass
        case _:
            raise TypeError(f"{type(form).__name__} is not a node")


def known(fact: Fact, frame: Frame) -> Any:
    """The value of a fact, None where it is absent."""
    decisions = frame.decisions
    if any(decisions.get(name) != label for name, label in fact.given):
        return None
    if fact.block is not None and fact.decision is None:
        stage, least = fact.block
        if evaluate(stage.repeat, frame) < least:
            return None
    if fact.decision is not None:
        return decisions.get(fact.decision)
    if fact.form is not None:
        return evaluate(fact.form, frame)
    return fact.constant if fact.constant is not None else frame.recorded.get(fact.name)


def _item(each: Each, frame: Frame) -> Form:
    index = frame.index or 0
    if index >= len(each.items):
        raise InvalidArchitecture(
            f"'each' has {len(each.items)} values, but here is block {index}", mark=each.node.mark
        )
    return each.items[index]


def _compute(form: Computed, frame: Frame) -> Any:
    env: dict[str, Any] = {}
    for name, binding in form.bindings:
        match binding:
            case Local(local):
                env[name] = frame.local(local)
            case Shared(_, inner):
                env[name] = evaluate(inner, frame)
            case _:
                env[name] = known(binding, frame)
        if env[name] is None:
            del env[name]
    mark = form.node.mark if form.node.mark.line else None
    try:
        value = form.expression.evaluate(env)
    except ExpressionError as error:
        raise InvalidArchitecture(
            f"in '${form.expression.text}': {error.problem}", path=form.node.path or None, mark=mark
        ) from None
    if form.spec is None:
        return value
    try:
        return fit(value, form.spec, computed=True)
    except ValueError as error:
        raise InvalidArchitecture(
            f"'${form.expression.text}' {error}", path=form.node.path or None, mark=mark
        ) from None
