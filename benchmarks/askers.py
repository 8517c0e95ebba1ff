"""Who proposes the next network of a table: samplers of Optuna by name, and searchers of Syne Tune as `syne:NAME`.

They know nothing of the table but its digits, are asked for one network after the other, and are told what it is worth.
"""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import optuna

from nas.errors import NasError, nearest
from nas.search import SAMPLERS, make_sampler

PREFIX = "syne:"
Choices = Sequence[Sequence[str]]


class Known(NamedTuple):
    """What samplers may know of a table beside its digits.

    `features` are numbers by their name and a network's digits. `names` are those of the decisions in the order of the
    digits, each with its values and their digits.
    """

    features: Mapping[str, Mapping[str, float]] = {}
    names: Mapping[str, Mapping[str, str]] = {}


NOTHING = Known()


def numbered(choices: Choices) -> dict[str, dict[str, str]]:
    """Names where there are none: each digit's place, and itself."""
    return {f"{at}": {digit: digit for digit in each} for at, each in enumerate(choices)}


class AskerError(NasError):
    """What should propose is not there."""


def decisions_of(name: str, choices: Choices) -> dict[str, dict[str, str]]:
    """The decisions of a space, each with its values and their digits. Raises `NasError` where digits are others."""
    from nas.study.spaces import open_space

    space = open_space(name)
    found = {each.name: {str(value): f"{at}" for at, value in enumerate(each.values)} for each in space.decisions}
    digits = [set(values.values()) for values in found.values()]
    if len(digits) != len(choices) or any(
        not set(there) <= given for there, given in zip(choices, digits, strict=True)
    ):
        sizes = " x ".join(str(len(values)) for values in found.values())
        raise AskerError(
            f"the digits must be the decisions of {name} ({sizes} values), but the table has {len(choices)} "
            f"digits with {' x '.join(str(len(there)) for there in choices)} values"
        )
    return found


class Asker(Protocol):
    """One search. `choices` are the digits of each position."""

    def ask(self) -> tuple[Any, str]:
        """A handle to tell by, and the digits."""
        ...

    def tell(self, handle: Any, values: Sequence[float] | None) -> None:
        """What came out, small is better; None where there is no such network."""
        ...


class OptunaAsker:
    """Draws each digit by `suggest_categorical` from bare Optuna: its decision by name, or else by number.

    `NAME+` is a sampler that learns from features as well. Raises `AskerError` for one that does not.
    """

    def __init__(self, name: str, choices: Choices, objectives: int, seed: int, known: Known = NOTHING) -> None:
        self._names = known.names or numbered(choices)
        bare = name.removesuffix("+")
        sampler = make_sampler(bare, seed=seed)
        if bare != name:
            if not hasattr(sampler, "know"):
                raise AskerError(f"sampler '{bare}' learns from no features; surrogate does")
            sampler.know({feature: partial(self._feature, values) for feature, values in known.features.items()})
        self.study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)

    def _feature(self, values: Mapping[str, float], params: Mapping[str, str]) -> float:
        return values[self._digits(params)]

    def _digits(self, params: Mapping[str, str]) -> str:
        return "".join(values[params[name]] for name, values in self._names.items())

    def ask(self) -> tuple[optuna.Trial, str]:
        trial = self.study.ask()
        for name, values in self._names.items():
            trial.suggest_categorical(name, list(values))
        return trial, self._digits(trial.params)

    def tell(self, handle: optuna.Trial, values: Sequence[float] | None) -> None:
        if values is None:
            self.study.tell(handle, state=optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(handle, list(values))


class SyneAsker:
    """A scheduler of Syne Tune in this process, with its defaults, without a backend.

    Raises `AskerError` where Syne Tune, or what it needs for this method, is not installed.
    """

    def __init__(self, name: str, choices: Choices, objectives: int, seed: int) -> None:
        several, make = SYNE[name]
        if several != (objectives > 1):
            raise AskerError(f"{PREFIX}{name} is for {'several objectives' if several else 'one objective'} only")
        try:
            from syne_tune.config_space import choice
            from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

            space = {f"{at}": choice(list(each)) for at, each in enumerate(choices)}
            self._metrics = [f"objective {index}" for index in range(objectives)]
            logging.getLogger("syne_tune").setLevel(logging.ERROR)
            random.seed(seed)  # some draws of Syne Tune are from the global generators
            np.random.seed(seed)
            self._scheduler = AskTellScheduler(make(space, self._metrics, seed))
        except ImportError as error:
            packages = " ".join(("syne-tune", *NEEDS.get(name, ())))
            raise AskerError(
                f"{PREFIX}{name} must find Syne Tune, but {error}; install it with: pip install {packages}"
            ) from error

    def ask(self) -> tuple[Any, str]:
        with warnings.catch_warnings(), _double():
            warnings.simplefilter("ignore")
            trial = self._scheduler.ask()
        return trial, "".join(trial.config[f"{at}"] for at in range(len(trial.config)))

    def tell(self, handle: Any, values: Sequence[float] | None) -> None:
        if values is None:
            self._scheduler.base_scheduler.on_trial_error(handle)
        else:
            self._scheduler.tell(handle, dict(zip(self._metrics, values, strict=True)))


def _evolution(space: Mapping[str, Any], metrics: list[str], seed: int) -> Any:
    return _evolving(space, metrics, seed, None)


def _scalarized(space: Mapping[str, Any], metrics: list[str], seed: int) -> Any:
    from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import LinearScalarizationPriority

    return _evolving(space, metrics, seed, LinearScalarizationPriority())


def _evolving(space: Mapping[str, Any], metrics: list[str], seed: int, priority: Any) -> Any:
    from syne_tune.optimizer.schedulers.multiobjective import MultiObjectiveRegularizedEvolution
    from syne_tune.optimizer.schedulers.single_fidelity_scheduler import SingleFidelityScheduler

    searcher = MultiObjectiveRegularizedEvolution(dict(space), multiobjective_priority=priority, random_seed=seed)
    return SingleFidelityScheduler(dict(space), metrics=metrics, searcher=searcher, random_seed=seed)


def _hypervolume(space: Mapping[str, Any], metrics: list[str], seed: int) -> Any:
    import botorch  # noqa: F401  Syne Tune notices only when it asks that this is missing
    from syne_tune.optimizer.baselines import EHVI

    return EHVI(dict(space), metrics=metrics, random_seed=seed)


def _single(name: str) -> Callable[[Mapping[str, Any], list[str], int], Any]:
    def make(space: Mapping[str, Any], metrics: list[str], seed: int) -> Any:
        from syne_tune.optimizer import baselines

        return getattr(baselines, name)(dict(space), metric=metrics[0], random_seed=seed)

    return make


# name -> (whether it is for several objectives, what makes its scheduler)
SYNE: dict[str, tuple[bool, Callable[[Mapping[str, Any], list[str], int], Any]]] = {
    "morea": (True, _evolution),
    "mo-linear": (True, _scalarized),
    "ehvi": (True, _hypervolume),
    "rea": (False, _single("REA")),
    "bore": (False, _single("BORE")),
    "tpe": (False, _single("TPE")),
}
NEEDS = {"ehvi": ("botorch",)}


@contextmanager
def _double() -> Iterator[None]:
    """Syne Tune mixes NumPy's doubles with what torch makes by default, which newer BoTorch refuses to."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.double)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def make_asker(name: str, choices: Choices, objectives: int, seed: int, known: Known = NOTHING) -> Asker:
    """Raises `NasError` for what there is not."""
    if not name.startswith(PREFIX):
        return OptunaAsker(name, choices, objectives, seed, known)
    method = name.removeprefix(PREFIX)
    if method not in SYNE:
        raise AskerError(f"no method '{name}'; {nearest(name, [*SAMPLERS, *(PREFIX + each for each in SYNE)])}")
    return SyneAsker(method, choices, objectives, seed)
