"""Where in a network's tree values could be others: a walk over vars, defaults, stem, stages and head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nas.arch import Catalogue
from nas.space import Label, parse, wrap
from nas.space.picks import OPERATORS
from nas.study.widening import (
    RESOLUTION_REACH,
    around,
    around_factor,
    around_repeat,
    around_resolution,
    around_width,
    written_default,
)

MISSING = object()  # a field that the file does not write
UNWRITTEN = ("kernel", "expand", "mlp_ratio", "ratio", "attention")  # worth writing where a stage's block has them
CARRIED = ("out", "keep")  # what may change of the blocks outside the repeats


@dataclass(eq=False)
class Proposal:
    """A place in a tree (`key` of `holder`) that becomes the decision of that name; `written` is what stands there.

    Of the options that can be built the nearest `reach` on each side are kept, all where it is None; `left_out` are
    those that cannot.
    """

    decision: str
    holder: Any
    key: str | int
    written: Any
    value: Any
    options: list[Any]
    reach: int | None = None
    left_out: tuple[Any, ...] = ()

    def leave_out(self, option: Any) -> None:
        """Try an option no more: it cannot be built, alone or together with others."""
        self.options.remove(option)
        self.left_out += (option,)

    def keep_nearest(self) -> None:
        """Keep no more options on each side than are wanted."""
        if self.reach is not None:
            at = self.options.index(self.value)
            self.options = self.options[max(0, at - self.reach) : at + self.reach + 1]

    def label(self, option: Any) -> Label:
        """How the language calls an option."""
        label: Label = next(iter(option)) if isinstance(option, dict) else option
        return label

    def others(self) -> list[Any]:
        """The options beside the network's own value."""
        return [option for option in self.options if option != self.value]

    def write(self) -> None:
        """Put the choice into the tree; a single option stands as it did."""
        if len(self.options) == 1:
            self.restore()
            return
        first, last = self.options[0], self.options[-1]
        whole = all(isinstance(option, int) for option in self.options)
        steady = whole and len(self.options) > 2 and self.options == [*range(first, last + 1)]
        self.holder[self.key] = {"range": [first, last]} if steady else {"choice": self.options}

    def restore(self) -> None:
        """Put back what stood there."""
        if self.written is MISSING:
            self.holder.pop(self.key, None)
        else:
            self.holder[self.key] = self.written

    def give_up(self) -> None:
        """Leave the value as it is."""
        self.options = [self.value]
        self.restore()


@dataclass(eq=False)
class BareName:
    """A node that was a name alone, and got a mapping to write fields into."""

    holder: Any
    key: str | int
    name: str

    def restore(self) -> None:
        """Make it a name again if nothing was written."""
        if not self.holder[self.key][self.name]:
            self.holder[self.key] = self.name


def propose(tree: dict[str, Any], catalogue: Catalogue, stride: int) -> tuple[list[Proposal], list[BareName]]:
    """All places of a tree with the values to try there, and the names that were given a mapping for them.

    `stride` is that of the whole network.
    """
    walk = _Walk(tree, catalogue, stride)
    return [each for each in walk.proposals() if len(each.options) > 1], walk.bare


class _Walk:
    def __init__(self, tree: dict[str, Any], catalogue: Catalogue, stride: int) -> None:
        self.tree = tree
        self.catalogue = catalogue
        self.stride = stride
        self.vars: dict[str, Any] = tree.get("vars") or {}
        self.bare: list[BareName] = []

    def proposals(self) -> Iterator[Proposal]:
        for name in self.vars:
            yield from self._var(name)
        network = tuple(self.tree.get("defaults") or ())
        yield from self._defaults(self.tree, "defaults")
        yield from self._outside(self.tree, "stem", "stem")
        for stage in self.tree.get("stages") or ():
            name = stage["name"]
            yield from self._values(stage, ("repeat", "out"), name)
            yield from self._defaults(stage, f"{name}.defaults")
            yield from self._outside(stage, "downsample", f"{name}.downsample")
            yield from self._node(stage, "block", f"{name}.block", (*network, *(stage.get("defaults") or ())))
        yield from self._outside(self.tree, "head", "head")
        sizes = self.tree["input"]
        if isinstance(resolution := sizes.get("resolution"), int):
            options = around_resolution(resolution, self.stride)
            yield Proposal("input.resolution", sizes, "resolution", resolution, resolution, options, RESOLUTION_REACH)

    def _values(self, holder: dict[str, Any], keys: tuple[str, ...], path: str) -> Iterator[Proposal]:
        """What is written under some keys of a mapping."""
        for key in keys:
            if key in holder:
                value = holder[key]
                field = key.rpartition(".")[2]
                yield Proposal(f"{path}.{key}", holder, key, value, value, around(field, value))

    def _defaults(self, holder: dict[str, Any], path: str) -> Iterator[Proposal]:
        defaults = holder.get("defaults") or {}
        yield from self._values(defaults, tuple(defaults), path)

    def _node(self, holder: Any, key: str | int, path: str, defaults: tuple[str, ...]) -> Iterator[Proposal]:
        """Every field of a stage's blocks that has a rule, also those that the file leaves at their default."""
        for name, fields, inside in self._blocks(holder, key, path):
            specs = self.catalogue.block(name).fields
            yield from self._values(
                fields, tuple(field for field in fields if field in specs or field == "out"), inside
            )
            for field in UNWRITTEN:
                if field in specs and not {field, f"{name}.{field}"} & {*fields, *defaults}:
                    value = written_default(specs[field])
                    yield Proposal(f"{inside}.{field}", fields, field, MISSING, value, around(field, value))

    def _outside(self, holder: Any, key: str, path: str) -> Iterator[Proposal]:
        """Written widths of what stands outside the repeats."""
        for _, fields, inside in self._blocks(holder, key, path):
            yield from self._values(fields, CARRIED, inside)

    def _blocks(self, holder: Any, key: str | int, path: str) -> Iterator[tuple[str, dict[str, Any], str]]:
        """The blocks of a node that are written out: name, fields to write into, and path."""
        node = holder.get(key) if isinstance(holder, dict) else holder[key]
        names = self.catalogue.names()
        match node:
            case list():
                for index in range(len(node)):
                    yield from self._blocks(node, index, f"{path}.{index}")
            case str() if node in names:
                holder[key] = {node: {}}
                self.bare.append(BareName(holder, key, node))
                yield node, holder[key][node], f"{path}.{node}"
            case dict() if len(node) == 1 and not node.keys() & {*OPERATORS}:
                ((name, fields),) = node.items()
                if fields is None:
                    fields = node[name] = {}
                if name in names:
                    yield name, fields, f"{path}.{name}"

    def _var(self, name: str) -> Iterator[Proposal]:
        """A var by what it is used for: a field's value, a stage's block, or a factor in an expression."""
        value = self.vars[name]
        uses = set(self._uses(name, ()))
        direct = sorted(field for field, alone in uses if alone)
        computed = {field for field, alone in uses if not alone}
        if "block" in direct:
            yield from self._node(self.vars, name, name, tuple(self.tree.get("defaults") or ()))
            return
        options = next((found for field in direct if len(found := around(field, value)) > 1), [value])
        if len(options) == 1 and not direct:
            options = _around_operand(value, computed)
        yield Proposal(name, self.vars, name, value, value, options)

    def _uses(self, name: str, seen: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
        """The fields that a var reaches, and whether as it is; through other vars too."""
        for section, value in self.tree.items():
            if section == "scale":  # its depth and width are factors of the whole
                continue
            for field, alone in _named(name, value, section):
                if section == "vars" and field in self.vars:
                    if field not in seen:
                        yield from (
                            (reached, alone and further) for reached, further in self._uses(field, (*seen, field))
                        )
                else:
                    yield field, alone


def _around_operand(value: Any, fields: set[str]) -> list[Any]:
    """The values to try for a var that only expressions of these fields name."""
    match value:
        case bool():
            return [value]
        case int() if fields & {"out", "repeat"}:
            return around_width(value) if "out" in fields else around_repeat(value)
        case float() if fields & {"out", "repeat"}:
            return around_factor(value)
    return [value]


def _named(name: str, value: Any, field: str) -> Iterator[tuple[str, bool]]:
    """Where a tree names a var: the nearest key (a default's field), and whether it stands alone."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _named(name, item, field if key in OPERATORS else key.rpartition(".")[2])
        case list():
            for item in value:
                yield from _named(name, item, field)
        case str() if value.startswith("$") and not value.startswith("$$"):
            text = value[1:].strip()
            if text == name:
                yield field, True
            elif name in parse(text, wrap(text)).names:
                yield field, False
