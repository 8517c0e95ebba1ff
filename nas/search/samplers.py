"""Optuna's samplers by name, and any other by object or import path."""

from __future__ import annotations

import importlib
import inspect
import random
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import optuna
from optuna import samplers
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from nas.errors import NasError, nearest
from nas.search.evolution import AgeingSampler, LocalSearchSampler
from nas.search.random_sampler import RandomSampler
from nas.search.replaying import ReplayingSampler
from nas.search.surrogate.sampler import SurrogateSampler


class SamplerError(NasError):
    """A sampler was asked for that there is not, or with options it does not take.

    `at` is where in the settings of a search: `("sampler",)`, `("options",)`, or `("options", NAME)`.
    """

    def __init__(self, message: str, *, at: tuple[str, ...] = ("sampler",)) -> None:
        super().__init__(message)
        self.at = at


_POPULATION = 20


def _nsga2(**options: Any) -> BaseSampler:
    return samplers.NSGAIISampler(**{"population_size": _POPULATION} | options)


def _nsga3(**options: Any) -> BaseSampler:
    return samplers.NSGAIIISampler(**{"population_size": _POPULATION} | options)


def _gp(**options: Any) -> BaseSampler:
    return samplers.GPSampler(**{"warn_independent_sampling": False} | options)


def _qmc(**options: Any) -> BaseSampler:
    return samplers.QMCSampler(**{"scramble": True, "warn_independent_sampling": False} | options)


# name -> (factory, the class whose options it takes). One line adds a sampler.
SAMPLERS: dict[str, tuple[Callable[..., BaseSampler], type[BaseSampler]]] = {
    "random": (RandomSampler, RandomSampler),
    "tpe": (samplers.TPESampler, samplers.TPESampler),
    "nsga2": (_nsga2, samplers.NSGAIISampler),
    "nsga3": (_nsga3, samplers.NSGAIIISampler),
    "gp": (_gp, samplers.GPSampler),
    "qmc": (_qmc, samplers.QMCSampler),
    "surrogate": (SurrogateSampler, SurrogateSampler),
    "ageing": (AgeingSampler, AgeingSampler),
    "local": (LocalSearchSampler, LocalSearchSampler),
}

# These treat each parameter by itself whatever the others are, so a condition costs them nothing.
_MODEL_CONDITIONS = (samplers.RandomSampler, samplers.TPESampler, samplers.BruteForceSampler, samplers.GridSampler)

# These go on where the storage says they stopped, as long as their seed stays.
_RESUMES_BY_SEED = (samplers.QMCSampler, AgeingSampler, LocalSearchSampler)


# Kinds of options that are checked, in words, by how signatures name them.
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "float": ((int, float), "a number"),
    "bool": ((bool,), "true or false"),
    "str": ((str,), "text"),
    "None": ((type(None),), "nothing"),
}

AUTO = "auto"
_MODELLED = 2_000  # trials; as far as it is measured how long the surrogate takes to ask


def choose_sampler(name: str, trials: int) -> str:
    """What `auto` means for a search of so many trials; any other name as it is."""
    if name != AUTO:
        return name
    return "surrogate" if trials <= _MODELLED else "tpe"


def make_sampler(
    sampler: str | BaseSampler, options: Mapping[str, Any] | None = None, *, seed: int = 0, past: int = 0
) -> BaseSampler:
    """A sampler by name, by `module:attribute` (a sampler, or something that makes one), or as it is.

    `past` is how many trials the study has: the seed is mixed with it, so that a resumed search does not draw again
    what it drew before. Raises `SamplerError`.
    """
    given = options = dict(options or {})
    if isinstance(sampler, BaseSampler):
        if options:
            raise SamplerError("options must be given to a sampler that is made here, but it is an object already")
        return sampler
    factory, signature_of = _find(sampler)
    if isinstance(factory, BaseSampler):
        return make_sampler(factory, options)
    parameters = inspect.signature(signature_of).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name, value in options.items():
        if name not in parameters and not takes_any:
            told = [each for each, found in parameters.items() if "Callable" not in str(found.annotation)]
            message = f"sampler '{sampler}' has no option '{name}'; {nearest(name, told)}"
            raise SamplerError(message, at=("options", name))
        if name in parameters and (kind := _kind_missed(parameters[name].annotation, value)):
            message = f"option '{name}' of sampler '{sampler}' must be {kind}, but got {_found(value)}"
            raise SamplerError(message, at=("options", name))
    if "seed" in parameters and "seed" not in options:
        options = options | {"seed": seed if past == 0 or signature_of in _RESUMES_BY_SEED else _mixed(seed, past)}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made = factory(**options)
    except (TypeError, ValueError) as error:
        message = f"sampler '{sampler}' must be made with options it takes: {error}"
        named = [name for name in given if str(error).startswith(f"{name} ")]
        at = ("options", named[0]) if named else ("options",) if given else ("sampler",)
        raise SamplerError(message, at=at) from error
    if not isinstance(made, BaseSampler):
        raise SamplerError(f"'{sampler}' must be an Optuna sampler, but it is a {type(made).__name__}")
    return made


def startup(sampler: str | BaseSampler, options: Mapping[str, Any] | None = None) -> int:
    """How many trials a sampler of `SAMPLERS` draws by chance before it begins to learn; 0 where it never learns."""
    if not isinstance(sampler, str) or sampler not in SAMPLERS:
        return 0
    parameters = inspect.signature(SAMPLERS[sampler][1]).parameters
    for name, usual in (("n_startup_trials", None), ("population_size", _POPULATION)):
        if name in parameters:
            return int((options or {}).get(name, usual or parameters[name].default))
    return 0


def count_independent(trial: optuna.Trial, sampler: BaseSampler, names: Iterable[str]) -> int:
    """How many of the parameters `names` of a drawn trial the sampler had no proposal for: they were drawn at random.

    NSGA-II, GP and QMC model only the parameters that all trials so far have in common; a sampler that is not bound to
    its space may be wrong about which are reached. Draws before a model begins (a first generation) do not count.
    """
    if isinstance(sampler, _MODEL_CONDITIONS):
        return 0
    if proposed := trial.relative_params:
        if isinstance(sampler, ReplayingSampler):
            known = {} if trial.number in sampler.fell_back else proposed
        else:  # NSGA-II leaves out of a proposal what it mutates
            known = trial.relative_search_space or {}
        return sum(name not in known for name in names)
    if trial.relative_search_space or not trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        return 0
    return sum(1 for _ in names)  # there is something to learn from, but trials have no parameter in common


def _find(name: str) -> tuple[Any, Any]:
    if name in SAMPLERS:
        return SAMPLERS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SamplerError(
            f"no sampler '{name}'; {nearest(name, (*SAMPLERS, AUTO))}, or module:attribute of an Optuna sampler"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SamplerError(f"sampler '{name}' must be importable as module:attribute, but {error}") from error
    return found, found


def _kind_missed(annotation: Any, value: Any) -> str:
    """What a value is not but must be by a parameter's annotation; empty where it is, or may be what is not checked."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    if "Callable" in text:
        each = value.values() if isinstance(value, Mapping) else [value]
        return "" if value is None or all(map(callable, each)) else "given in Python, for it takes functions"
    names = [name.strip() for name in text.split("|")]
    if any(name not in _KINDS or _is_any(value, _KINDS[name][0]) for name in names):
        return ""
    return " or ".join(_KINDS[name][1] for name in names)


def _is_any(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))  # Python's bool is an int


def _found(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _mixed(seed: int, past: int) -> int:
    return random.Random(f"{seed}/{past}").getrandbits(31)
