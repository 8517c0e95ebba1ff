"""What a form asks: the tree of decisions it opens, each option with what it opens in turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nas.space.decisions import Label
from nas.space.forms import (
    BlockForm,
    Computed,
    Each,
    Form,
    Group,
    ListForm,
    MapForm,
    PartForm,
    Pick,
    Scope,
    Sequence,
    Shared,
    Site,
)


@dataclass(frozen=True, eq=False)
class Open:
    """A decision made here, and what follows from each label."""

    site: Site
    then: Mapping[Label, Reach]


@dataclass(frozen=True, eq=False)
class Given:
    """A decision made earlier (once a stage, seen from a block), and what follows from each label."""

    site: Site
    then: Mapping[Label, Reach]


@dataclass(frozen=True, eq=False)
class Use:
    """A var or default, decided where first used."""

    group: Group


Reach = tuple[Open | Given | Use, ...]


def reach(form: Form | None, scope: Scope, index: int | None = None) -> Reach:
    """What a form asks that is decided once a `scope`; block `index` for `each`."""
    match form:
        case Pick(site, options):
            then = {label: reach(option, scope, index) for label, option in options.items()}
            if site.scope == scope:
                return (Open(site, then),)
            if site.scope == "block":
                return ()
            return (Given(site, then),) if any(then.values()) else ()
        case Shared(group):
            return (Use(group),)
        case Computed(bindings=bindings):
            return tuple(Use(binding.group) for _, binding in bindings if isinstance(binding, Shared))
        case Each(items):
            return () if index is None else reach(items[index], scope, index)
        case PartForm(_, items) | MapForm(items):
            return _all(items.values(), scope, index)
        case ListForm(items) | Sequence(items):
            return _all(items, scope, index)
        case BlockForm():
            own = [item for item in (form.out, form.stride) if item is not None]
            return _all([*own, *form.fields.values()], scope, index)
    return ()


def _all(forms: Iterable[Form], scope: Scope, index: int | None) -> Reach:
    return tuple(item for form in forms for item in reach(form, scope, index))
