"""Which decisions a value depends on, and what a stage's `out` is as far as decisions alone tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nas.errors import InvalidArchitecture
from nas.space.decisions import Label
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import (
    BlockForm,
    Computed,
    Each,
    Fact,
    Form,
    ListForm,
    Local,
    MapForm,
    Network,
    Nothing,
    PartForm,
    Pick,
    Sequence,
    Shared,
    Stage,
)
from nas.space.needs import needs
from nas.space.reach import reach


class NotWritten(Exception):
    """A value follows from shapes, so that decisions alone do not tell it."""


class NoOut(Exception):
    """The decisions give a stage an `out` that is none, so that they cannot be built."""


class Outs:
    """The output channels of stages by decisions alone: what their `out` says, whether or not it can be built."""

    def __init__(self, network: Network) -> None:
        self._stages = {stage.name: stage for stage in network.stages}

    def stage(self, fact: Fact) -> Stage:
        """The stage whose recorded `out` a fact is. Raises `NotWritten` where only building tells it."""
        stage = self._stages.get(fact.name.removesuffix(".out"))
        if stage is None or not self._written(stage):
            raise NotWritten(fact.name)
        return stage

    def recorded(self, decisions: Mapping[str, Label]) -> Mapping[str, Any]:
        """What decoding records, computed when asked for."""
        return _Recorded(self, decisions)

    def value(self, name: str, decisions: Mapping[str, Label]) -> int | None:
        """The channels behind a stage, None where it vanishes. Raises `NoOut`."""
        stage = self._stages[name]
        frame = Frame(decisions, self.recorded(decisions), index=0)
        if depends_on_repeat(stage):
            frame.repeat = evaluate(stage.repeat, frame)
            if not frame.repeat and stage.downsample is None:
                return None
            frame.index = max(0, (frame.repeat or 0) - 1)
        try:
            return None if stage.out is None else int(evaluate(stage.out, frame))
        except InvalidArchitecture as error:
            raise NoOut(error.reason) from None

    def _written(self, stage: Stage) -> bool:
        """Whether every network that can be built has the stage's `out` behind it."""
        if stage.out is None or needs(stage.out).locals - {"i", "n"}:
            return False
        facts = needs(stage.out, stage.repeat).facts.values()
        try:
            for fact in facts:
                if _is_recorded(fact):
                    self.stage(fact)
        except NotWritten:
            return False
        carriers = [form for form in (stage.downsample, stage.block) if form is not None]
        return all(_stays(form) and not _has_own_out(form) for form in carriers)


class _Recorded(Mapping[str, Any]):
    def __init__(self, outs: Outs, decisions: Mapping[str, Label]) -> None:
        self._outs = outs
        self._decisions = decisions

    def __getitem__(self, name: str) -> Any:
        return self._outs.value(name.removesuffix(".out"), self._decisions)

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


def _is_recorded(fact: Fact) -> bool:
    return fact.decision is None and fact.form is None and fact.constant is None


def depends_on_repeat(stage: Stage) -> bool:
    """Whether the channels behind a stage depend on how often it repeats."""
    if not stage.least and stage.downsample is None:
        return True
    found = needs(stage.out)
    return found.indexed or "n" in found.locals or bool(reach(stage.out, "block", 0))


def fact_support(fact: Shared | Fact, outs: Outs) -> frozenset[str]:
    """The names of all decisions that may change a fact's value. Raises `NotWritten`."""
    if isinstance(fact, Shared):
        return form_support(fact, None, outs)
    if fact.decision is not None:  # where it was made, all holds that it depends on
        return frozenset({fact.decision})
    if _is_recorded(fact):
        stage = outs.stage(fact)
        if not depends_on_repeat(stage):
            return form_support(stage.out, 0, outs)
        outs_of_blocks = (form_support(stage.out, index, outs) for index in range(max(stage.most, 1)))
        return form_support(stage.repeat, None, outs).union(*outs_of_blocks)
    found = {name for name, _ in fact.given}
    if fact.block is not None:
        found |= form_support(fact.block[0].repeat, None, outs)
    return frozenset(found | form_support(fact.form, None, outs))


def form_support(form: Form | None, index: int | None, outs: Outs) -> frozenset[str]:
    """The names of all decisions that may change the value of a form at block `index`. Raises `NotWritten`."""
    inner: Iterable[Form] = ()
    match form:
        case Pick(site, options):
            inside = (form_support(option, index, outs) for option in options.values())
            return frozenset({site.name(index)}).union(*inside)
        case Computed(bindings=bindings):
            values = [value for _, value in bindings if not isinstance(value, Local)]
            return frozenset().union(*(fact_support(value, outs) for value in values))
        case Each(items):
            inner = items if index is None else items[index : index + 1]
        case Shared(_, shared):
            inner = (shared,)
        case PartForm(_, parts) | MapForm(parts):
            inner = parts.values()
        case ListForm(items) | Sequence(items):
            inner = items
    return frozenset().union(*(form_support(item, index, outs) for item in inner))


def _stays(form: Form) -> bool:
    """Whether at least one block comes of a node, whatever is chosen."""
    match form:
        case Sequence(items):
            return any(_stays(item) for item in items)
        case Pick(_, options):
            return all(_stays(option) for option in options.values())
        case Each(items):
            return all(_stays(item) for item in items)
        case Shared(_, inner):
            return _stays(inner)
    return not isinstance(form, Nothing)


def _has_own_out(form: Form) -> bool:
    """Whether some block of a node writes an `out` of its own, or is given one."""
    match form:
        case BlockForm():
            return form.out is not None
        case Sequence(items) | Each(items):
            return any(_has_own_out(item) for item in items)
        case Pick(_, options):
            return any(_has_own_out(option) for option in options.values())
        case Shared(_, inner):
            return _has_own_out(inner)
    return False
