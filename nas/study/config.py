"""What a study file may say, checked before any work starts, with the place of every mistake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import pydantic

from nas.data import DataSpec
from nas.errors import NasError
from nas.files import find_file
from nas.measure import Device, Protocol, load_device
from nas.search import Budget, Objective, Scheduling, choose_sampler
from nas.space import Expression, check_consistent, parse
from nas.space.model import parse_model
from nas.space.text import Node, read, wrap
from nas.train import Recipe

T = TypeVar("T")
AUTO, NONE = "auto", "none"  # of the predictor
Name = Annotated[str, pydantic.StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Section(pydantic.BaseModel):
    """Base of all that a study file may say: frozen, strict, no unknown keys."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)


class SearchSettings(Section):
    """How candidates are proposed and which of them train to the end."""

    sampler: str = pydantic.Field(
        "auto",
        description="auto, surrogate, ageing, local, random, tpe, nsga2, nsga3, gp, qmc, or module:attribute of an "
        "Optuna one",
    )
    options: dict[str, Any] = pydantic.Field(default_factory=dict, description="keyword arguments of the sampler")
    start: list[str] = pydantic.Field(
        default_factory=list, description="known networks of the space to try first; they count as trials"
    )
    warm_start: list[str] = pydantic.Field(
        default_factory=list,
        description="results folders of earlier studies: the best of their networks are tried first, and a sampler "
        "that can learns from all of them",
    )
    spread: bool = pydantic.Field(
        True, description="what a sampler draws before it learns is spread from the smallest network to the budgets"
    )
    trials: int = pydantic.Field(32, ge=1, description="networks that enter training; the rejected do not count")
    rungs: list[int] = pydantic.Field(
        default_factory=list,
        description="epochs after which worse candidates stop, such as [2, 4]; the recipe's epochs are the last",
    )
    reduction: int = pydantic.Field(3, ge=2, description="one in this many goes on at each rung")
    scheduling: Scheduling = pydantic.Field(
        "stop", description="what becomes of a network at a rung: stop (or go on) at once, or wait until promoted"
    )
    extrapolate: bool = pydantic.Field(
        False, description="end networks whose learning curve leaves them no hope to reach the front"
    )
    seed: int = pydantic.Field(0, ge=0, description="of the sampler")
    proxies: list[str] = pydantic.Field(
        default_factory=list,
        description="zero-cost proxies to compute for each network that enters training, such as [synflow, naswot]; "
        "the report says how well they rank, and the sampler surrogate learns from them",
    )
    storage: str | None = pydantic.Field(
        None, description="Optuna storage URL; without it a journal file in the results folder"
    )

    @property
    def halving(self) -> dict[str, Any]:
        """What becomes of networks at rungs, empty where there are none."""
        if not self.rungs:
            return {}
        return {"scheduling": self.scheduling, "reduction": self.reduction, "extrapolate": self.extrapolate}

    @property
    def chosen_sampler(self) -> str:
        """What `auto` comes to."""
        return choose_sampler(self.sampler, self.trials)

    @property
    def sampler_words(self) -> str:
        """The sampler, for `auto` what it chose, and what it learns from beside the trials."""
        chosen = self.chosen_sampler
        words = chosen if chosen == self.sampler else f"{self.sampler}: {chosen}, for {self.trials} trials"
        return f"{words}, with {', '.join(self.proxies)}" if self.proxies and chosen == "surrogate" else words


class RunSettings(Section):
    """Who runs the trials, and what each of them gets."""

    runner: Literal["ray", "local"] = pydantic.Field(
        "ray", description="ray, or local for one trial at a time in this process"
    )
    concurrent: int = pydantic.Field(2, ge=1, description="trials at a time")
    cpus: float = pydantic.Field(1, gt=0, description="CPUs a trial (a torch thread each)")
    gpus: float = pydantic.Field(0, ge=0, description="GPUs a trial; a fraction shares one")
    resources: dict[str, float] = pydantic.Field(default_factory=dict, description="other Ray resources a trial")
    address: str | None = pydantic.Field(
        None, description="Ray cluster to join, auto or HOST:PORT; without it (and RAY_ADDRESS) one is started here"
    )
    patience_s: float = pydantic.Field(
        600, ge=0, description="seconds to wait for the node of a device that is gone before the study stops"
    )


class EvaluatorSettings(Section):
    """A table that answers in the place of training: one row an architecture."""

    table: str = pydantic.Field(description="the parquet file, as written or beside the study; or `--data`")
    key: str = pydantic.Field(description="column that names the architecture by a string of digits, one a decision")
    digits: list[str] = pydantic.Field(
        default_factory=list,
        description="decisions in the order of the digits, each digit the place (from 0) of a decision's value among "
        "its values; without it all decisions in the order of the space",
    )
    costs: dict[str, str] = pydantic.Field(
        default_factory=dict,
        description="values known before training, `NAME: expression of columns`; latency_ms counts as measured, and "
        "what is not given here (params, macs) is counted on the network",
    )
    epochs: dict[int, dict[str, str]] = pydantic.Field(
        min_length=1, description="what training reports after so many epochs, `NAME: expression of columns`"
    )
    seconds_per_epoch: str = pydantic.Field("1", description="expression of columns; drives the simulated clock")
    classes: int | None = pydantic.Field(None, ge=2, description="classes of the networks, instead of the space's")


class FinalistSettings(Section):
    """The last step: the best of the front trained again from nothing and measured again in a fresh process."""

    count: int = pydantic.Field(3, ge=0, description="how many members of the front")
    epochs: int | None = pydantic.Field(None, ge=1, description="epochs for them; without it the recipe's")


class StudyConfig(Section):
    """A study file, complete and checked."""

    nas: Literal[1] = pydantic.Field(1, description="version of the format")
    name: Name = pydantic.Field(description="names the results folder")
    space: str | dict[str, Any] = pydantic.Field(
        description="a search space: a file, a shipped name, or the tree itself"
    )
    data: DataSpec | None = pydantic.Field(None, description="the images; a study on a table has none")
    evaluator: EvaluatorSettings | None = pydantic.Field(
        None, description="a recorded table that answers in the place of training and measuring"
    )
    device: Device | str = pydantic.Field("cpu", description="where latency counts: cpu, cuda, or a device file")
    objectives: list[str] = pydantic.Field(
        default=["maximize accuracy", "minimize latency_ms"],
        min_length=1,
        description="`maximize X` or `minimize X`, X a value or an expression of values",
    )
    budgets: list[str] = pydantic.Field(default_factory=list, description="what must hold: `latency_ms <= 1.5`")
    search: SearchSettings = SearchSettings()
    recipe: Recipe | str = pydantic.Field(
        default_factory=Recipe, description="how networks train, or a file that says so"
    )
    measure: Protocol = pydantic.Field(default_factory=Protocol, description="how latency is measured")
    predictor: str = pydantic.Field(
        AUTO,
        description="rejects what is surely over a latency budget: auto (a calibration of `nas calibrate` where there "
        "is one, else it learns from the study's measurements), none, or a calibration's file",
    )
    run: RunSettings = RunSettings()
    baselines: list[str] = pydantic.Field(
        default_factory=list, description="known networks to train by the same recipe"
    )
    finalists: FinalistSettings = FinalistSettings()

    @property
    def images(self) -> DataSpec:
        """The data; raises `NasError` in a study that has none, which is answered from a table."""
        if self.data is None:
            raise NasError("a study must have `data` to train on, but this one has none: it is answered from a table")
        return self.data

    @property
    def training(self) -> Recipe:
        """The recipe, once `read_study` has read the file that says so."""
        if isinstance(self.recipe, str):
            raise ValueError(f"recipe {self.recipe} must be read first, with read_study")
        return self.recipe

    @property
    def target(self) -> Device:
        """The device, once `read_study` has looked it up."""
        if isinstance(self.device, str):
            raise ValueError(f"device {self.device} must be looked up first, with read_study")
        return self.device

    _node: Node | None = pydantic.PrivateAttr(None)

    def told_at(self, path: Sequence[str | int], look_up: Callable[[], T]) -> T:
        """What `look_up` gives; its errors are told with the place in the study's file of the value it is about."""
        try:
            return look_up()
        except NasError as error:
            if self._node is None:
                raise
            raise self._node.at(path).fail(str(error)) from error

    def check_consistent(self, constraints: Sequence[Expression] = ()) -> None:
        """Raises `SpecError` where budgets contradict each other, or constraints of the space; it names both places."""
        place = self._node.at if self._node is not None else lambda path: None
        check_consistent([*constraints, *(parse(text, place(["budgets", i])) for i, text in enumerate(self.budgets))])

    def resolved(self) -> dict[str, Any]:
        """The study as plain JSON with nothing left to look up, as it is recorded."""
        return self.model_dump(mode="json")


C = TypeVar("C", bound=StudyConfig)


def read_study(source: str | Path, overrides: Mapping[str, Any] | None = None) -> StudyConfig:
    """The study of a file, with every file that it names read in or made an absolute path.

    `overrides` are dotted keys with values, such as `{"data.path": ..., "search.trials": 8}`; None changes nothing.
    Raises `SpecError` with the place of the first mistake.
    """
    return read_study_as(StudyConfig, source, overrides)


def read_study_as(model: type[C], source: str | Path, overrides: Mapping[str, Any] | None = None) -> C:
    """As `read_study`, for a kind of study with sections of its own."""
    path = find_file(source, "studies")
    node = read(path)
    answered = node.value.get("evaluator") if isinstance(node.value, dict) else None
    on_table = answered is not None and answered.value is not None
    for key, value in (overrides or {}).items():
        if value is not None:
            key = "evaluator.table" if on_table and key == "data.path" else key
            node = _override(node, key.split("."), value)
    config = parse_model(model, node, "a study")
    config._node = node
    if config.data is None and config.evaluator is None:
        raise node.fail("'data' is missing")
    for key, check in (("objectives", Objective.parse), ("budgets", Budget.parse)):
        for index, text in enumerate(getattr(config, key)):
            config.told_at((key, index), partial(check, text))
    config.check_consistent()
    changes: dict[str, Any] = {}
    if config.evaluator is not None:
        config = _on_table(config, path.parent)
    space, recipe, device = config.space, config.recipe, config.device
    beside = path.parent
    if isinstance(space, str):
        changes["space"] = str(config.told_at(["space"], lambda: find_file(space, "search_spaces", beside).resolve()))
    if config.predictor not in (AUTO, NONE):
        changes["predictor"] = str(config.told_at(["predictor"], lambda: _calibration(config.predictor, beside)))
    if isinstance(recipe, str):
        file = config.told_at(["recipe"], partial(find_file, recipe, "studies", beside))
        recipe = parse_model(Recipe, read(file), "a recipe")
    changes["recipe"] = _with_teacher(recipe, beside)
    if isinstance(device, str):
        changes["device"] = config.told_at(["device"], lambda: named_device(device, beside))
    return config.model_copy(update=changes)


def _on_table(config: C, beside: Path) -> C:
    """The study with the table's absolute path (where there is one), and no finalists: nothing is trained again.

    Raises `SpecError` for what has no sense on a table.
    """
    evaluator = config.evaluator
    assert evaluator is not None
    for key, given in (("data", config.data), ("baselines", config.baselines)):
        if given:
            config.told_at([key], partial(_not_on_a_table, key))
    if "finalists" in config.model_fields_set and config.finalists.count:
        config.told_at(["finalists"], partial(_not_on_a_table, "finalists"))
    tries = [Path(evaluator.table), beside / evaluator.table]
    table = next((str(file.resolve()) for file in tries if file.is_file()), evaluator.table)
    changes = {"evaluator": evaluator.model_copy(update={"table": table}), "finalists": FinalistSettings(count=0)}
    return config.model_copy(update=changes)


def _not_on_a_table(key: str) -> NoReturn:
    raise NasError(f"'{key}' must be left out of a study with an evaluator: a table trains nothing")


def _with_teacher(recipe: Recipe, beside: Path) -> Recipe:
    """The recipe with an absolute path of the teacher's folder, which may be given from beside the study."""
    if recipe.distill is None:
        return recipe
    name = recipe.distill.teacher
    place = next((path for path in (Path(name), beside / name) if path.is_dir()), Path(name)).resolve()
    return recipe.model_copy(update={"distill": recipe.distill.model_copy(update={"teacher": str(place)})})


def _calibration(name: str, beside: Path) -> Path:
    """The file of a calibration, as written or beside the study. Raises `NasError` where there is none."""
    tries = [Path(name), beside / name]
    found = next((file.resolve() for file in tries if file.is_file()), None)
    if found is None:
        looked = ", ".join(str(file) for file in dict.fromkeys(tries))
        raise NasError(
            f"no file '{name}' (looked for {looked}): predictor must be a file that `nas calibrate --out FILE` wrote, "
            f"{AUTO} or {NONE}"
        )
    return found


def named_device(name: str, beside: Path | None = None) -> Device:
    """The device of that name, or of that file: it may be beside the study, or shipped, as devices/edge_box.yaml is.

    Raises `SpecError` for a mistake in the file, `NasError` where there is none, and `DeviceError` when this host does
    not offer the device.
    """
    return load_device(find_file(name, "studies", beside) if name.endswith((".yaml", ".yml")) else name)


def changed_device(name: str, changes: Mapping[str, Any]) -> Device:
    """The device of that name with some settings (`threads`, `batch`, `runtime`) changed; None changes nothing."""
    device = named_device(name)
    given = {key: value for key, value in changes.items() if value is not None}
    return Device.model_validate(device.model_dump() | given) if given else device


def _override(node: Node, keys: Sequence[str], value: Any) -> Node:
    """The tree with one value replaced, places kept."""
    if not keys:
        return wrap(value, "<command line>")
    entries = dict(node.value) if isinstance(node.value, dict) else {}
    entries[keys[0]] = _override(entries.get(keys[0], Node({}, node.mark, keys[0])), keys[1:], value)
    return replace(node, value=entries)
