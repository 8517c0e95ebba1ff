"""What an expression may name beside vars: `input.resolution`, `s2.out`, `s1.repeat`, any decision by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nas.errors import nearest
from nas.space.forms import (
    BlockForm,
    Computed,
    Each,
    Fact,
    Fixed,
    Form,
    ListForm,
    MapForm,
    Nothing,
    PartForm,
    Pick,
    Sequence,
    Shared,
    Stage,
)


class NoFact(Exception):
    """A name means nothing here; the text says why."""


def find(name: str, sections: Mapping[str, Form | Stage | None], groups: Mapping[str, Form | None]) -> Fact:
    """The fact of a name.

    `sections` maps `input.resolution`, `stem`, `head` and the names of stages to their forms, `groups` the names of
    vars and defaults. Raises `NoFact`.
    """
    for known in sorted(groups, key=len, reverse=True):
        if name == known or name.startswith(known + "."):
            form = groups[known]
            if form is None:
                raise NoFact(f"'{name}' is used by nothing")
            return _descend(Fact(name), form, _steps(name[len(known) :]), None)
    for known, section in sections.items():
        if name == known or name.startswith(known + "."):
            steps = _steps(name[len(known) :])
            if isinstance(section, Stage):
                return _of_stage(Fact(name), section, steps)
            if section is None:
                raise NoFact(f"'{name}' has no value here: a value may name only what comes before it")
            if not steps:
                return Fact(name, form=section)
            return _descend(Fact(name), section, steps, None)
    raise NoFact(f"'{name}' is unknown; {nearest(name, [*sections, *groups])}")


def _steps(rest: str) -> list[str]:
    return rest.split(".")[1:] if rest else []


def _of_stage(fact: Fact, stage: Stage, steps: list[str]) -> Fact:
    index = None
    if steps and steps[0].isdigit():
        index = int(steps.pop(0))
        if index >= stage.most:
            raise NoFact(f"'{fact.name}' cannot be: {stage.name} has at most {stage.most} blocks, counted from 0")
    match steps:
        case ["repeat"] if index is None:
            return replace(fact, form=stage.repeat)
        case ["out"] if index is None:
            vanishes = _may_vanish(stage.downsample) and (not stage.least or _may_vanish(stage.block))
            return replace(fact, block=None if stage.downsample is not None else (stage, 1), vanishes=vanishes)
        case ["downsample", *rest] if index is None and stage.downsample is not None:
            return _descend(fact, stage.downsample, rest, None)
        case ["exit", *rest] if index is None and stage.exit is not None:
            return _descend(fact, stage.exit, rest, None)
        case ["stride"] if index is None:
            return _descend(fact, stage.stride, [], None)
        case ["out"] if stage.out is not None:
            return _descend(replace(fact, block=(stage, (index or 0) + 1)), stage.out, [], index)
        case ["block", *rest]:
            return _descend(replace(fact, block=(stage, (index or 0) + 1)), stage.block, rest, index)
    keys = [f"{stage.name}.{key}" for key in ("repeat", "out", "block", "stride", "downsample", "exit")]
    raise NoFact(f"'{fact.name}' is unknown; {nearest(fact.name, keys)}")


def _may_vanish(node: Form | None) -> bool:
    """Whether a node can come to no block at all."""
    match node:
        case None | Nothing():
            return True
        case Shared(_, inner):
            return _may_vanish(inner)
        case Pick(_, options):
            return any(_may_vanish(option) for option in options.values())
        case Each(items):
            return any(_may_vanish(item) for item in items)
        case Sequence(items):
            return all(_may_vanish(item) for item in items)
    return False


def _descend(fact: Fact, form: Form, steps: list[str], index: int | None) -> Fact:
    """Follows the steps down a form, collecting what must have been chosen on the way."""
    match form:
        case Shared(_, inner):
            return _descend(fact, inner, steps, index)
        case Pick(site, options, named):
            if site.scope == "block" and index is None:
                raise NoFact(f"'{fact.name}' is decided for each block; name one, as in '{site.name(0)}'")
            name = site.name(index)
            if not steps:
                return replace(fact, decision=name, form=form)
            for label, option in options.items():
                if str(label) == steps[0]:
                    inside = replace(fact, given=(*fact.given, (name, label)))
                    return _descend(inside, option, steps[1:] if named else steps, index)
            raise NoFact(f"'{fact.name}' is unknown; {nearest(steps[0], map(str, options))}")
        case Each(items):
            if index is None:
                raise NoFact(f"'{fact.name}' is written for each block; name one by its index")
            return _descend(fact, items[index], steps, index)
        case Fixed(value) if not steps:
            return replace(fact, constant="none" if value is None else value)
        case BlockForm(spec=spec) if not steps:
            return replace(fact, constant=spec.name)
        case PartForm(kind) if not steps:
            return replace(fact, constant=kind)
        case BlockForm() if steps[0] == form.spec.name and len(steps) > 1:
            own = {"out": form.out, "stride": form.stride}
            fields = {**form.fields, **{key: value for key, value in own.items() if value is not None}}
            return _enter(fact, fields, steps[1:], index)
        case PartForm() if steps[0] == form.kind and len(steps) > 1:
            return _enter(fact, form.fields, steps[1:], index)
        case Sequence(items) | ListForm(items) if steps:
            return _enter(fact, {str(at): item for at, item in enumerate(items)}, steps, index)
        case MapForm(items) if steps:
            return _enter(fact, items, steps, index)
        case Computed() if not steps:
            raise NoFact(f"'{fact.name}' is computed by an expression; name what it is computed from")
    raise NoFact(f"'{fact.name}' names no single value")


def _enter(fact: Fact, items: Mapping[str, Form], steps: list[str], index: int | None) -> Fact:
    if steps[0] not in items:
        raise NoFact(f"'{fact.name}' is not written in the space; {nearest(steps[0], items)}")
    return _descend(fact, items[steps[0]], steps[1:], index)
