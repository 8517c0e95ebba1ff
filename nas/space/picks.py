"""The operators: `choice`, `range`, `each`, `optional`, and `$var`; the same for values and for nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from nas.errors import SpecError, nearest
from nas.space.decisions import Label
from nas.space.forms import Each, Fixed, Form, Group, PartForm, Pick, Scope, Shared
from nas.space.node import Node
from nas.space.places import Place, Tables

OPERATORS = ("choice", "range", "each", "optional")
MAX_LABELS = 10_000
MAX_FORMS = 50_000
MAX_VARS_DEEP = 16

Leaf = Callable[[Node, Place], Form]


def compile_form(node: Node, place: Place, tables: Tables, leaf: Leaf) -> Form:
    """The form of a value or node; `leaf` compiles what is no operator and no `$var`."""
    tables.compiled += 1
    if tables.compiled > MAX_FORMS:
        raise node.fail(f"a space must have at most {MAX_FORMS:,} values, each var counted where it is used")
    if isinstance(node.value, str) and node.value.startswith("$"):
        name = node.value[1:].strip()
        group = tables.vars.get(name) or tables.shared.get(name)
        if group is not None:
            return use(group, place, tables, leaf if group.part is None else _part_only(leaf), node)
    match _operator(node):
        case None:
            return leaf(node, place)
        case "choice", options:
            return _choice(node, options, place, tables, leaf)
        case "optional", inner:
            none = replace(node, value="none")
            return _choice(node, replace(inner, value=(none, inner)), place, tables, leaf)
        case "each", items:
            return _each(node, items, place, tables, leaf)
        case _, bounds:
            return _range(node, bounds, place, tables, leaf)


def use(group: Group, place: Place, tables: Tables, leaf: Leaf, node: Node) -> Shared:
    """A use of a var or default at a place: compiled for its leaf and with the names of the place, decided once."""
    if group.name in place.within:
        circle = " -> ".join([*place.within[place.within.index(group.name) :], group.name])
        raise node.fail(f"a var must not use itself, but {circle}")
    if len(place.within) >= MAX_VARS_DEEP:
        raise node.fail(f"vars must use each other at most {MAX_VARS_DEEP} deep")
    inside = replace(
        place,
        prefix=group.name,
        path=(),
        scope="shared",
        around=None,
        per=False,
        group=group,
        within=(*place.within, group.name),
        train=place.train,
    )
    try:
        form = compile_form(group.node, inside, tables, leaf)
    except SpecError as error:
        if place.group is not None:
            raise
        user = f"{node.path} ({node.mark})" if node.mark.line else node.path
        raise SpecError(f"{error.message}; used at {user}", mark=error.mark, path=error.path) from None
    group.only_train = group.only_train and place.train
    if group.form is None:
        group.form = form
    return Shared(group, form)


def _part_only(leaf: Leaf) -> Leaf:
    """What may stand for a shared part: a part."""

    def part(node: Node, place: Place) -> Form:
        form = leaf(node, place)
        if isinstance(form, PartForm) or (isinstance(form, Fixed) and form.value is None):
            return form
        raise node.fail("a shared part must stand where a block takes a part (attention, gate, norm, ...)")

    return part


def _operator(node: Node) -> tuple[str, Node] | None:
    """The operator of a mapping and what stands behind it."""
    if not isinstance(node.value, dict):
        return None
    found = [key for key in node.value if key in OPERATORS]
    if not found:
        return None
    if len(found) > 1:
        raise node.fail(f"a value must have one operator, but has {' and '.join(found)}", key=found[1])
    allowed = [found[0]] + (["per"] if found[0] != "each" else []) + (["log"] if found[0] == "range" else [])
    for key in node.value:
        if key not in allowed:
            raise node.fail(
                f"'{found[0]}' must stand alone, but '{key}' is beside it; {nearest(key, allowed)}", key=key
            )
    return found[0], node.value[found[0]]


def _scope(node: Node, place: Place) -> tuple[Scope, Place]:
    """The scope of a choice, and the place for what is inside it."""
    if place.item is not None and place.group is not None:
        raise node.fail("a choice inside 'each' must stand in a stage; a var or default is decided as a whole")
    scope = place.scope
    per = node.get("per")
    if per is not None:
        if not place.per:
            raise per.fail(
                "'per' must stand inside the blocks or the 'out' of a stage; here everything is decided once"
            )
        if per.value not in ("stage", "block"):
            raise per.fail(f"per must be stage or block, but got {per.found}")
        scope = per.value  # type: ignore[assignment]
        if place.around == "block" and scope == "stage":
            raise per.fail(
                "an inner choice must not be decided once a stage while the choice around it is once a block"
            )
    narrow = "block" if "block" in (place.scope, scope) and place.group is None else place.scope
    return scope, replace(place, around=scope, scope=narrow)


def _choice(node: Node, options: Node, place: Place, tables: Tables, leaf: Leaf) -> Form:
    scope, inside = _scope(node, place)
    labelled: dict[Label, Node] = {}
    named = isinstance(options.value, dict)
    if isinstance(options.value, dict):
        labelled.update(options.value)
    else:
        for option in options.items("choice"):
            label = _label(option)
            if label in labelled:
                raise option.fail(
                    f"the options of a choice must differ in their labels, but '{label}' comes twice;"
                    " name them: choice: {small: ..., big: ...}"
                )
            labelled[label] = option
    if not labelled:
        raise options.fail("a choice must have at least one option")
    site = tables.site(place, scope, node, tuple(labelled), kind="choice")
    forms = {
        label: compile_form(option, inside.down(str(label)) if named else inside, tables, leaf)
        for label, option in labelled.items()
    }
    return Pick(site, forms, named)


def _label(option: Node) -> Label:
    match option.value:
        case None:
            return "none"
        case float() if abs(option.value) == float("inf"):
            raise option.fail("an option must be finite")
        case str() | int() | float() | bool():
            return option.value
        case dict() if len(option.value) == 1 and (key := next(iter(option.value))) not in OPERATORS:
            return str(key)
    raise option.fail("this option has no label of its own; name the options: choice: {small: ..., big: ...}")


def _each(node: Node, listed: Node, place: Place, tables: Tables, leaf: Leaf) -> Form:
    if place.most is None:
        raise node.fail("'each' must stand inside the blocks or the 'out' of a stage: it has one value a block")
    items = listed.items("each")
    if place.most and len(items) != place.most:
        raise node.fail(
            f"'each' must have one value a block ({place.most}, the stage's largest repeat), but has {len(items)}",
            key="each",
        )
    inside = replace(place, most=None)
    if place.group is None:
        inside = replace(inside, scope="block", around="block")
    forms = (compile_form(item, replace(inside, item=at), tables, leaf) for at, item in enumerate(items))
    return Each(tuple(forms), node)


def _range(node: Node, whole: Node, place: Place, tables: Tables, leaf: Leaf) -> Form:
    scope, _ = _scope(node, place)
    bounds = whole.items("range")
    numbers = [_number(bound) for bound in bounds]
    if len(numbers) not in (2, 3):
        raise whole.fail(f"a range must be [low, high] or [low, high, step], but has {len(numbers)} numbers")
    low, high = numbers[:2]
    if low > high:
        raise whole.fail(f"low <= high must hold in a range, but got {low} and {high}")
    log = _log(node)
    if len(numbers) == 2 and not all(isinstance(number, int) for number in numbers):
        if not place.train:
            raise whole.fail("a range of fractions must have a step (continuous ones stand under train only)")
        if log and low <= 0:
            raise whole.fail(f"a logarithmic range must begin above 0, but got {low}")
        for bound in bounds:
            leaf(bound, place)
        ends = (float(low), float(high))
        return Pick(tables.site(place, scope, node, ends, kind="range", continuous=True, log=log), {})
    if log:
        raise node.fail("'log' must be on a continuous range only: [low, high] with a fraction", key="log")
    labels = _steps(whole, low, high, numbers[2] if len(numbers) == 3 else 1)
    for label in (labels[0], labels[-1]):
        leaf(replace(whole, value=label), place)
    return Pick(tables.site(place, scope, node, labels, kind="range"), {label: Fixed(label) for label in labels})


def _number(bound: Node) -> int | float:
    value = bound.value
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) == float("inf"):
        raise bound.fail(f"the bounds and the step of a range must be finite numbers, but got {bound.found}")
    return value


def _log(node: Node) -> bool:
    log = node.get("log")
    if log is None:
        return False
    if not isinstance(log.value, bool):
        raise log.fail(f"log must be true or false, but got {log.found}")
    return log.value


def _steps(node: Node, low: float, high: float, step: float) -> tuple[int | float, ...]:
    """All numbers of a range, fractions without the drift of repeated addition."""
    if step <= 0:
        raise node.fail(f"the step of a range must be above 0, but got {step}")
    start, end, width = (Fraction(str(number)) for number in (low, high, step))
    count, rest = divmod(end - start, width)
    if count + 1 > MAX_LABELS:
        raise node.fail(f"a range must have at most {MAX_LABELS:,} values, but has {count + 1:,}; take a larger step")
    if rest:
        reached = start + count * width
        raise node.fail(
            f"a range must reach its high end, which is included, but from {low} in steps of {step} comes"
            f" {float(reached):g}, then {float(reached + width):g}, not {high}"
        )
    integral = all(isinstance(number, int) for number in (low, high, step))
    values = (start + index * width for index in range(int(count) + 1))
    return tuple(int(value) if integral else float(value) for value in values)
