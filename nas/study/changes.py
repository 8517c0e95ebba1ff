"""What differs between a study and the one that its results folder was begun with, and what of that may be adopted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.space import Decision

# Settings that may change between runs of one results folder: they add to what is there and contradict nothing.
MAY_GROW = (
    "search.trials", "search.start", "search.warm_start", "search.spread", "search.proxies", "finalists", "baselines",
    "run", "predictor", "data.path", "evaluator.table", "grid.seeds", "compare.seeds", "recipe.distill.teacher",
)  # fmt: skip

# What settings came to in studies from before there were such settings.
ONCE = {"search.scheduling": "stop", "search.extrapolate": False}

# Settings that a search may go on with when asked to: they say where to look next, not what was found.
MAY_ADOPT = ("space", "search.sampler", "search.options", "search.seed")

# Why the others may not, by how their keys begin.
STAYS = {
    "data": "networks were compared on it",
    "evaluator": "networks were answered from it",
    "objectives": "networks were ranked by them",
    "budgets": "networks were turned away by them",
    "recipe": "networks were trained by it",
    "device": "latencies are of it",
    "measure": "latencies were measured so",
    "search.rungs": "networks were stopped there",
    "search.reduction": "networks were stopped by it",
    "search.scheduling": "networks were stopped so",
    "search.extrapolate": "networks were stopped so",
    "search.storage": "records are kept there",
    "name": "records are kept under it",
}
SHOWN, LONGEST = 12, 60
_ANSWERS = re.compile(r"\.(choice|range|each)(\.|$)")  # in the keys of a space: told as decisions


@dataclass(frozen=True)
class Change:
    """One setting that differs, `before` and `after` as JSON text, None where it was not there."""

    key: str
    before: str | None
    after: str | None

    @property
    def adoptable(self) -> bool:
        return _begins(self.key, MAY_ADOPT)

    @property
    def why_not(self) -> str:
        """Why it has to stay as it was; empty where it need not."""
        return "" if self.adoptable else next((why for key, why in STAYS.items() if _begins(self.key, [key])), "")

    def __str__(self) -> str:
        return f"{self.key}: {_short(self.before)} -> {_short(self.after)}"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every setting of two resolved studies that differs and is not one that may grow; the space is told as one."""
    new = _flat(after)
    old = {key: json.dumps(value) for key, value in ONCE.items() if key in new} | _flat(before)
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return [Change(key, old.get(key), new.get(key)) for key in keys if not key.startswith(MAY_GROW)]


def decision_changes(before: Sequence[Decision], after: Sequence[Decision]) -> list[str]:
    """How the questions of a space differ from those of another, a line each."""
    old, new = {each.name: each for each in before}, {each.name: each for each in after}
    lines = [f"{name} ({new[name].said()}) is new" for name in new if name not in old]
    lines += [f"{name} ({old[name].said()}) is gone" for name in old if name not in new]
    for name in old:
        if name in new and (old[name].values, old[name].kind) != (new[name].values, new[name].kind):
            lines.append(f"{name}: {old[name].said()} -> {new[name].said()}")
    return lines


def listed(found: Iterable[Change], decisions: Sequence[str]) -> list[str]:
    """The changes in words, a line each: of the space its decisions, and what is no decision."""
    found = list(found)
    lines = [str(each) for each in found if not each.key.startswith("space")]
    lines += [f"space: {line}" for line in decisions]
    inside = [each for each in found if each.key.startswith("space")]
    lines += [str(each) for each in inside if not (decisions and _ANSWERS.search(each.key))]
    return [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]


def _begins(key: str, keys: Iterable[str]) -> bool:
    return any(key == each or key.startswith(f"{each}.") for each in keys)


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _flat(tree: Any, path: str = "") -> dict[str, str]:
    """Every leaf of a tree but nulls by its dotted path, as text: a key that was not known once is as good as null."""
    if isinstance(tree, Mapping):
        pairs = [_flat(value, f"{path}.{key}" if path else str(key)) for key, value in tree.items()]
        return {key: value for each in pairs for key, value in each.items()}
    if isinstance(tree, list | tuple) and path.startswith("space."):
        return _flat({str(index): value for index, value in enumerate(tree)}, path)
    return {} if tree is None else {path: json.dumps(tree, sort_keys=True)}
