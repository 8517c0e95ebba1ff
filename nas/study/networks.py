"""A NETWORK argument: a YAML path, `zoo/NAME`, `STUDY:TRIAL` or `STUDY:best`, turned into a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.errors import NasError
from nas.files import find_file
from nas.space import About, decided_plan, network_tree, read, read_about
from nas.store import Record, Results
from nas.study.results import find_trial, is_results, open_results, stored_plan, studies_near, trial_name
from nas.study.spaces import catalogue, check_whole, open_space

RESULTS = Path("results")


def find_network(
    name: str,
    *,
    results: Path = RESULTS,
    classes: int | None = None,
    channels: int | None = None,
    resolution: int | None = None,
    resolution_from: str = "",
    or_study: bool = False,
) -> Plan:
    """The network that `name` means, with `classes`, `channels` and `resolution` where given instead of its own.

    `resolution_from` says in errors where the resolution comes from, and `or_study` that a whole study might have been
    named as well. A trial is called by its study and its number.
    Raises `NasError` that says what was looked for and what there is.
    """
    given: dict[str, Any] = {"classes": classes, "channels": channels, "resolution": resolution}
    given["resolution_from"] = resolution_from
    trial = named_trial(name, results)
    if trial is None:
        return _opened(_file(name, results, or_study), given)
    return adapted(_of_trial(*trial), **given)


def adapted(plan: Plan, **given: Any) -> Plan:
    """The network with `classes`, `channels` and `resolution` where given instead of its own, as in `find_network`.

    Raises `NasError` where it cannot be built so.
    """
    own = (plan.classes, plan.input.channels, plan.input.height, plan.input.width)
    classes, channels, resolution = (given.get(key) for key in ("classes", "channels", "resolution"))
    if own == (classes or own[0], channels or own[1], resolution or own[2], resolution or own[3]):
        return plan
    return _opened(network_tree(_of_any_classes(plan)), given)


def _opened(source: Path | dict[str, Any], given: Mapping[str, Any]) -> Plan:
    space = open_space(source, **given)
    plan = decided_plan(space)
    check_whole(space, plan)
    return plan


def _of_any_classes(plan: Plan) -> Plan:
    """The plan with classifiers that do not say for how many classes, as in a file."""
    table = catalogue()
    steps = [
        replace(step, block=replace(step.block, out=None)) if table.block(step.block.type).out == "classes" else step
        for step in plan.steps
    ]
    return replace(plan, steps=tuple(steps))


def find_about(name: str) -> About:
    """What the file that `name` means says of its network; nothing of a trial of a study."""
    if is_trial(name):
        return About()
    return read_about(read(find_file(name, "search_spaces")).get("about"))


def is_trial(name: str) -> bool:
    """Whether a NETWORK argument means a trial of a study."""
    return ":" in name and not Path(name).exists()


def named_trial(name: str, results: Path = RESULTS) -> tuple[Results, Record] | None:
    """The results folder and the record of a `STUDY:TRIAL`, None for any other network. Raises `NasError`."""
    if not is_trial(name):
        return None
    study, _, trial = name.partition(":")
    return find_trial(open_results(study, results), trial)


def names_a_study(name: str) -> str:
    """What is said where one network of a study has to be named."""
    return (
        f"a network must be named, but '{name}' holds the results of a study: write {name}:best,"
        f" or {name}:TRIAL with a number, finalist/0 or an arch_id"
    )


def _of_trial(found: Results, record: Record) -> Plan:
    return replace(stored_plan(found, record), name=trial_name(found, record))


def _file(name: str, results: Path, or_study: bool) -> Path:
    try:
        return find_file(name, "search_spaces")
    except NasError as error:
        if is_results(name, results):
            raise NasError(names_a_study(name)) from None
        also = "a results folder or the name of one, or " if or_study else ""
        raise NasError(
            f"{error}; it may also be {also}a trial of a study (STUDY:best, STUDY:TRIAL); {studies_near(name, results)}"
        ) from None
