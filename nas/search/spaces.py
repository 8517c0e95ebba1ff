"""What the engine asks of a space, and how its decisions become Optuna's parameters and back."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from nas.arch import Plan
from nas.errors import InvalidArchitecture
from nas.search.sources import walked
from nas.space.expression import Expression

Decisions = dict[str, Any]


class Decision(Protocol):
    """One choice: `values` are its labels, or two bounds where `continuous`; `train` ones do not change the network."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def values(self) -> Sequence[Any]: ...
    @property
    def train(self) -> bool: ...
    @property
    def continuous(self) -> bool: ...
    @property
    def log(self) -> bool: ...


class Space(Protocol):
    """A search space as the engine uses it; `nas.space.Space` is one."""

    @property
    def decisions(self) -> Sequence[Any]: ...
    @property
    def cost_constraints(self) -> Sequence[Expression]: ...
    def walk(self, draw: Callable[[Any], Any]) -> Decisions:
        """Calls `draw` once for each decision that is reached, in a stable order."""
        ...

    def sample(self, rng: random.Random) -> Decisions: ...
    def decode(self, decisions: Mapping[str, Any]) -> Plan:
        """Raises `InvalidArchitecture`."""
        ...

    def neighbours(self, decisions: Mapping[str, Any]) -> Iterator[Decisions]: ...


class Feasible(Protocol):
    """Networks within budgets; `nas.search.feasible.FeasibleSet` is them."""

    def draw(self, rng: random.Random) -> Any:
        """One of them; has its `decisions`."""
        ...

    def allows(self, decisions: Mapping[str, Any]) -> bool:
        """Whether a network is one of them."""
        ...


class Parameters:
    """Decisions as parameters of Optuna: a range of integers is an int with a step, a choice is categorical.

    Labels that are equal in Python but not in the language (`1`, `1.0`, `true`) are told apart as JSON text.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[BaseDistribution, dict[Any, Any] | None]] = {}

    def suggest(self, trial: optuna.Trial, decision: Decision) -> Any:
        """The label that the sampler draws for a decision."""
        distribution = self.distribution(decision)
        name = decision.name
        match distribution:
            case IntDistribution():
                return trial.suggest_int(
                    name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
                )
            case FloatDistribution():
                drawn = trial.suggest_float(
                    name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
                )
                return self.label(decision, drawn)
            case CategoricalDistribution():
                return self.label(decision, trial.suggest_categorical(name, distribution.choices))
        raise TypeError(f"decision {name} has no distribution")

    def distribution(self, decision: Decision) -> BaseDistribution:
        """The parameter that a decision becomes."""
        return self._of(decision)[0]

    def label(self, decision: Decision, drawn: Any) -> Any:
        """The label that a value of this parameter stands for."""
        distribution, labels = self._of(decision)
        if labels is not None:
            return labels[drawn]
        if isinstance(distribution, FloatDistribution) and not decision.continuous:
            return min(decision.values, key=lambda label: abs(label - drawn))
        return drawn

    def single(self, decision: Decision) -> bool:
        return self._of(decision)[0].single()

    def encode(self, decisions: Mapping[str, Any], known: Mapping[str, Decision]) -> dict[str, Any]:
        """The parameters that make `suggest` return these decisions."""
        return {name: self._encode(label, known.get(name)) for name, label in decisions.items()}

    def _encode(self, label: Any, decision: Decision | None) -> Any:
        if decision is None:
            return label
        distribution, labels = self._of(decision)
        if labels is not None:
            return json.dumps(label)
        if isinstance(distribution, FloatDistribution) and distribution.step is not None:
            return _short(label)
        return label

    def _of(self, decision: Decision) -> tuple[BaseDistribution, dict[Any, Any] | None]:
        found = self._known.get(decision.name)
        if found is None:
            found = self._known[decision.name] = _distribution(decision)
        return found


class Walks:
    """A space as the parameters of Optuna that it leads to; what a sampler that is bound to it takes candidates from.

    `feasible` are the networks within the budgets known before a measurement; without it, all that can be built.
    """

    def __init__(self, space: Space, parameters: Parameters, feasible: Feasible | None = None) -> None:
        self._space = space
        self._feasible = feasible
        self._parameters = parameters
        self._by_name = {decision.name: decision for decision in space.decisions}
        self.distributions = {decision.name: parameters.distribution(decision) for decision in space.decisions}
        self.signature = tuple(self.distributions.items())

    def walk(self, draw: Callable[[str, BaseDistribution], Any]) -> dict[str, Any]:
        """The values that `draw` gives the parameters that are reached."""
        found: dict[str, Any] = {}

        def answer(decision: Decision) -> Any:
            value = found[decision.name] = draw(decision.name, self._parameters.distribution(decision))
            return self._parameters.label(decision, value)

        self._space.walk(answer)
        return found

    def fresh(self, rng: random.Random) -> dict[str, Any]:
        """A draw of what is within the budgets; where nothing is known of these, of all that can be answered."""
        if self._feasible is None:
            return walked(self, rng)
        return self._parameters.encode(self._feasible.draw(rng).decisions, self._by_name)

    def allows(self, params: Mapping[str, Any]) -> bool:
        """Whether it can be built and is within the budgets."""
        if self._feasible is not None:
            return self._feasible.allows(self._labels(params))
        try:
            self.decode(params)
        except InvalidArchitecture:
            return False
        return True

    def decode(self, params: Mapping[str, Any]) -> Plan:
        """The network of these parameters. Raises `InvalidArchitecture`."""
        return self._space.decode(self._labels(params))

    def _labels(self, params: Mapping[str, Any]) -> Decisions:
        return {name: self._parameters.label(self._by_name[name], value) for name, value in params.items()}


def _distribution(decision: Decision) -> tuple[BaseDistribution, dict[Any, Any] | None]:
    values = list(decision.values)
    if decision.continuous:
        return FloatDistribution(float(values[0]), float(values[1]), log=decision.log), None
    if decision.kind == "range":
        step = values[1] - values[0] if len(values) > 1 else 1
        log = decision.log and step == 1
        if all(type(value) is int for value in values):
            return IntDistribution(values[0], values[-1], step=step, log=log), None
        # Optuna wants a range that its step divides exactly; `suggest` goes back to the nearest label.
        return FloatDistribution(_short(values[0]), _short(values[-1]), step=_short(step)), None
    if len(set(values)) == len(values):
        return CategoricalDistribution(values), None
    texts = [json.dumps(value) for value in values]
    return CategoricalDistribution(texts), dict(zip(texts, values, strict=True))


def _short(number: float) -> float:
    return float(f"{number:.12g}")
