"""Which names a form reads: what a value depends on beside the decisions inside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nas.space.forms import (
    BlockForm,
    Computed,
    Each,
    Fact,
    Form,
    Group,
    ListForm,
    Local,
    MapForm,
    PartForm,
    Pick,
    Sequence,
    Shared,
)
from nas.space.reach import Given, Open, Use, reach


@dataclass
class Needs:
    """Names of the block at hand (`i n in out h w`), vars and defaults by name, facts by name, and whether by index."""

    locals: set[str] = field(default_factory=set)
    groups: dict[str, Group] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    indexed: bool = False


def needs(*forms: Form | None) -> Needs:
    """What forms read, over all their options."""
    found = Needs()
    for form in forms:
        _collect(form, found)
    return found


def _collect(form: Form | None, found: Needs) -> None:
    inner: Iterable[Form] = ()
    match form:
        case Computed(bindings=bindings):
            for _, binding in bindings:
                if isinstance(binding, Local):
                    found.locals.add(binding.name)
                    found.indexed |= binding.name == "i"
                elif isinstance(binding, Shared):
                    _collect(binding, found)
                else:
                    found.facts[binding.name] = binding
        case Shared(group, shared):
            found.groups[group.name] = group
            inner = (shared,)
        case Each(items):
            found.indexed = True
            inner = items
        case Pick(_, options):
            inner = options.values()
        case PartForm(_, parts) | MapForm(parts):
            inner = parts.values()
        case ListForm(items) | Sequence(items):
            inner = items
        case BlockForm():
            inner = [item for item in (form.out, form.stride, *form.fields.values()) if item is not None]
    for item in inner:
        _collect(item, found)


def names_within(groups: Iterable[Group]) -> tuple[str, ...]:
    """All decisions of vars and defaults, those inside each other's included."""
    found: dict[str, None] = {}
    seen: set[str] = set()

    def visit(items: Iterable[Open | Given | Use]) -> None:
        for item in items:
            if isinstance(item, Use):
                enter(item.group)
                continue
            found[item.site.name(None)] = None
            for inside in item.then.values():
                visit(inside)

    def enter(group: Group) -> None:
        if group.name not in seen and group.form is not None:
            seen.add(group.name)
            visit(reach(group.form, "shared"))

    for group in groups:
        enter(group)
    return tuple(found)
