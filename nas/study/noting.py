"""The study that a results folder is of: written down, checked to be the same, or adopted with a changed space."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.errors import NasError, StoreError
from nas.search import Goals, Progress
from nas.search.adoption import Carrier
from nas.space import Decisions, Space, answered_alike, approach
from nas.space.text import write
from nas.store import Record, Results
from nas.store.files import write_text
from nas.store.record import OUTSIDE
from nas.study.changes import Change, changes, decision_changes, listed
from nas.study.config import StudyConfig
from nas.study.results import read_resolved, stored_plan
from nas.study.spaces import open_space

TRIES = 300  # networks that are looked at for one that answers alike do not give again


def note_study(results: Results, config: StudyConfig, space: Space, *, adopt: bool | None = None) -> str:
    """Write the resolved study, space included, or check that the one that stands there is the same search.

    With `adopt` the search goes on with what was changed: the study of before is kept as `study.1.yaml` (2, ...), and
    networks that are not in a new space leave the search, though not the records. Gives what became of them in words.
    Raises `StoreError` for what differs otherwise; `adopt` is None where there is no search that could go on.
    """
    resolved = _resolved(config, space)
    said = ""
    if results.study_file.exists():
        asked = Resumed(results, config, space)
        if asked.changes:
            if not adopt or any(not each.adoptable for each in asked.changes):
                raise StoreError(asked.refusal(adopt))
            kept = _keep(results)
            said = _adopt(results, asked, kept) if asked.space_changed else ""
    write_text(results.study_file, write(resolved))
    return said


def differences(folder: Path, config: StudyConfig, space: Space) -> dict[str, list[str]]:
    """What differs from the study that a folder is of, as `changes`, for a dry run; empty where nothing does."""
    results = Results(folder, storage=config.search.storage, name=config.name)
    lines = Resumed(results, config, space).lines if results.study_file.exists() else []
    return {"changes": lines} if lines else {}


def noted(said: str, on_progress: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Tells progress with this beside its note."""
    if not said:
        return on_progress
    return lambda progress: on_progress(replace(progress, note="; ".join(filter(None, (said, progress.note)))))


@dataclass(frozen=True)
class Resumed:
    """A study that is to go on in a results folder that has one."""

    results: Results
    config: StudyConfig
    space: Space

    @cached_property
    def before(self) -> dict[str, Any]:
        """The study that stands there; a driver that died while it adopted a space had not written that yet."""
        study = read_resolved(self.results.folder)
        adopted = self.results.adopted
        return study | {"space": adopted["space"]} if adopted else study

    @cached_property
    def changes(self) -> list[Change]:
        return changes(self.before, _resolved(self.config, self.space))

    @property
    def space_changed(self) -> bool:
        return any(each.key.startswith("space") for each in self.changes)

    @cached_property
    def space_before(self) -> Space | None:
        """None where this version of the blocks cannot read it any more."""
        try:
            return open_space(self.before["space"], recipe=self.config.training)
        except NasError:
            return None

    @property
    def lines(self) -> list[str]:
        """What differs, in words."""
        old = self.space_before if self.space_changed else None
        return listed(self.changes, decision_changes(old.decisions, self.space.decisions) if old is not None else [])

    def refusal(self, adopt: bool | None) -> str:
        keys = list(dict.fromkeys("space" if each.key.startswith("space") else each.key for each in self.changes))
        differing = "".join(f"\n  {line}" for line in self.lines)
        trained = any(r.gate is None and (r.curve or r.state != "running") for r in self.results.records())
        begun = "change the study back" if trained else "remove it, for nothing has been trained there yet"
        fixed = {each.key: each.why_not for each in self.changes if not each.adoptable}
        stays = "; ".join(f"{key} must stay{': ' + why if why else ''}" for key, why in list(fixed.items())[:3])
        way = ""
        if adopt is False and not fixed:
            what = ": networks that are in the space stay, others leave the search" if self.space_changed else ""
            way = f"run again with --adopt to go on so{what}; or "
        elif adopt:
            way = f"--adopt changes the space and the sampler only ({stays}); "
        return (
            f"{self.results.folder} holds another study: {', '.join(keys[:6])} differ{'s' if len(keys) == 1 else ''} "
            f"from what it was started with{differing}\n{way}choose another folder with --out, or {begun}"
        )


def _resolved(config: StudyConfig, space: Space) -> dict[str, Any]:
    return config.resolved() | {"space": space.tree.plain()}


def _keep(results: Results) -> str:
    """Copy the study that stands there to the next `study.1.yaml` (2, ...), which whoever died here may have done."""
    text = results.study_file.read_text(encoding="utf-8")
    count = sum(1 for _ in results.folder.glob("study.*.yaml"))
    last = results.folder / f"study.{count}.yaml"
    if last.is_file() and last.read_text(encoding="utf-8") == text:
        return last.name
    kept = results.folder / f"study.{count + 1}.yaml"
    write_text(kept, text)
    return kept.name


def _adopt(results: Results, asked: Resumed, kept: str) -> str:
    space = asked.space
    goals = Goals.parse(asked.config.objectives, asked.config.budgets, space.cost_constraints)
    reason = f"no network of the space since it was changed (before: {kept})"
    carrier = Carrier(space, goals, _Places(results, asked.space_before, space), reason)
    study = results.study("candidate", goals.directions)
    trials = carrier.carry(study.get_trials(deepcopy=False))
    results.begin_again(trials, goals.directions, space.tree.plain())
    return f"adopted the space: {carrier.kept} networks are in it, {carrier.outside} are not"


@dataclass
class _Places:
    """Where in a space the network of a record is, which has the same architecture and the same training there."""

    results: Results
    before: Space | None
    space: Space

    def __call__(self, record: Record) -> Decisions | None:
        try:
            # What was outside already has decisions of a space that is not known any more.
            decoded = self.before is not None and record.gate != OUTSIDE
            plan = self.before.decode(record.decisions) if decoded else stored_plan(self.results, record)  # type: ignore[union-attr]
        except (NasError, KeyError):
            return None
        found = answered_alike(self.space, record.decisions)
        if self.space.decode(found).arch_id != plan.arch_id and record.folder:
            found = approach(self.space, plan, found, TRIES).decisions
        same = self.space.decode(found)
        return found if (same.arch_id, same.train) == (plan.arch_id, plan.train) else None
