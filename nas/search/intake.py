"""From a proposal to a candidate or a rejection: one network at a time through the gates, written down as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.arch import Plan
from nas.errors import DeviceGone, InvalidArchitecture, NasError, StoreError
from nas.search.feasible import FeasibleSet
from nas.search.gates import Gates, Rejected, unbuildable
from nas.search.goals import GoalError
from nas.search.history import Key, as_key
from nas.search.predicted import as_numbers
from nas.search.proposals import Draw, Proposals
from nas.search.rungs import Rungs
from nas.search.supply import Patience, Supply
from nas.search.trials import Candidate, InTraining, end_trial
from nas.store import Results, State
from nas.store.attributes import LATENCY, NETWORK, get, latency_values, put


@dataclass(frozen=True)
class Step:
    """What one step came to: a network for training, or the gate that turned one away; neither: there are no more."""

    item: InTraining | None = None
    gate: str | None = None
    drawn: int = 0
    independent: int = 0


class Known:
    """Every network that was looked at, by its decisions and by what it is, with the first trial that had it."""

    def __init__(self) -> None:
        self.keys: dict[str, int] = {}
        self.decisions: dict[Key, int] = {}

    def forget(self, trial: int) -> None:
        """A network that was not turned away for what it is may be proposed again."""
        self.keys = {key: number for key, number in self.keys.items() if number != trial}
        self.decisions = {key: number for key, number in self.decisions.items() if number != trial}


class Intake:
    """Draws and gates. Not thread-safe: the engine takes one step at a time."""

    def __init__(
        self,
        study: Study,
        proposals: Proposals,
        gates: Gates,
        results: Results,
        rungs: Rungs,
        known: Known,
        supply: Supply,
    ) -> None:
        self.study = study
        self.proposals = proposals
        self.gates = gates
        self.results = results
        self.rungs = rungs
        self.known = known
        self.supply = supply
        self._failures = 0

    def step(self, good: Sequence[Mapping[str, Any]], any_passed: bool) -> Step:
        """The next proposal. Raises `BudgetUnreachable`, `StoreError`, or why measuring keeps failing."""
        draw = self.supply.next(good, any_passed)
        return Step() if draw is None else self._through(draw, None)

    def resume(self, trial: FrozenTrial) -> Step:
        """A trial that a dead driver left, under its own number; what was measured is not measured again."""
        draw = self.proposals.ask(optuna.Trial(self.study, trial._trial_id))
        if draw is None:
            drop(self.study, self.gates, trial, "no longer asked for")
            return Step(gate="dropped")
        return self._through(draw, trial)

    def _through(self, draw: Draw, resumed: FrozenTrial | None) -> Step:
        try:
            item = self._gate(draw, resumed)
        except Rejected as rejected:
            self._tell(draw, "duplicate" if rejected.gate == "duplicate" else "infeasible", rejected)
            self.supply.rejected(rejected.gate)
            return Step(None, rejected.gate, draw.drawn, draw.independent)
        except (StoreError, GoalError, DeviceGone):  # the trial stays running, and goes on with the next driver
            raise
        except NasError as error:  # a measurement that could not be taken is not the network's fault
            self._tell(draw, "failed", Rejected("latency", str(error)))
            self.known.forget(draw.trial.number)
            self._failures += 1
            if self._failures >= 3:
                raise
            return Step(None, "latency", draw.drawn, draw.independent)
        self.supply.passed()
        self._failures = 0
        return Step(item, None, draw.drawn, draw.independent)

    def _gate(self, draw: Draw, resumed: FrozenTrial | None) -> InTraining:
        """Raises `Rejected`."""
        number, enforce = draw.trial.number, self.proposals.enforce
        if enforce:
            first = self.known.decisions.setdefault(as_key(draw.decisions), number)
            if first != number:
                raise Rejected("duplicate", f"the same decisions as trial {first}", source=first)
        try:
            plan = self.proposals.decode(draw)
        except InvalidArchitecture as error:
            raise unbuildable(error) from None
        key = self.proposals.key(draw, plan)
        known = {"arch_id": plan.arch_id, "key": key}
        first = self.known.keys.setdefault(key, number)
        if first != number:
            raise Rejected("duplicate", f"the same network as trial {first}", source=first, known=known)
        try:
            values = self.gates.cost(plan, draw.decisions, enforce=enforce)
            forecast = self._predict(draw, plan, key, values, resumed)
            latency = self._latency(draw, plan, values, forecast, resumed)
        except Rejected as rejected:
            rejected.known = known
            raise
        folder = self.results.make_trial_folder(key, plan.architecture.to_json())
        values = {**values, **latency_values(latency)}
        candidate = Candidate(
            trial=number,
            role=self.proposals.role,
            key=key,
            folder=folder,
            plan=plan,
            decisions=draw.decisions,
            values=values,
            constraints=self.gates.goals.excesses(values, draw.decisions),
            epochs=self.rungs.total,
            name=draw.name,
        )
        return InTraining(candidate, draw.trial, dict(values), (draw.drawn, draw.independent))

    def _predict(
        self, draw: Draw, plan: Plan, key: str, values: Mapping[str, float], resumed: FrozenTrial | None
    ) -> dict[str, float]:
        """Write down what is known so far and what is forecast, the first forecast where a driver died meanwhile."""
        known = get(resumed.user_attrs, NETWORK) if resumed is not None else {}
        measured = resumed is not None and bool(get(resumed.user_attrs, LATENCY))
        forecast = None if measured else self.gates.forecast(plan)
        predicted: dict[str, float] = known.get("predicted", {}) if known else as_numbers(forecast)
        if not known:
            network = {"arch_id": plan.arch_id, "folder": key, "values": values, "predicted": predicted or None}
            origin = dict(draw.origin) or None
            extra = {"name": draw.name or None, "source": draw.source, "decisions": differing(draw), "origin": origin}
            known = {k: v for k, v in (network | extra).items() if v is not None}
            put(draw.trial.set_user_attr, NETWORK, known)
        if self.proposals.enforce:
            self.gates.predicted(plan, forecast, values, draw.decisions)
        return predicted

    def _latency(
        self,
        draw: Draw,
        plan: Plan,
        values: Mapping[str, float],
        forecast: Mapping[str, float],
        resumed: FrozenTrial | None,
    ) -> dict[str, Any]:
        latency = get(resumed.user_attrs, LATENCY) if resumed is not None else {}
        enforce = self.proposals.enforce
        if latency:
            self.gates.learn(plan, latency, forecast)
            self.gates.check_latency(values, latency, draw.decisions, enforce=enforce)
            return latency
        latency = self.gates.latency(plan, values, draw.decisions, enforce=enforce, forecast=forecast)
        if latency:
            put(draw.trial.set_user_attr, LATENCY, latency)
        return latency

    def _tell(self, draw: Draw, state: State, rejected: Rejected) -> None:
        if rejected.latency:
            put(draw.trial.set_user_attr, LATENCY, rejected.latency)
        end = {
            "gate": rejected.gate,
            "reason": rejected.reason,
            "drawn": (draw.drawn, draw.independent),
            "name": draw.name or None,
            "source": rejected.source,
            "decisions": differing(draw),
            "origin": dict(draw.origin) or None,
            **rejected.known,
        }
        end_trial(
            self.study,
            draw.trial,
            state,
            self.gates.goals,
            values=rejected.values,
            constraints=rejected.constraints,
            end={key: value for key, value in end.items() if value is not None},
        )


def make_supply(
    proposals: Proposals,
    gates: Gates,
    known: Known,
    rng: Any,
    patience: Patience,
    feasible: FeasibleSet | None = None,
    spread: range = range(0),
) -> Supply:
    """A supply that leaves out what is known."""

    def seen(decisions: Mapping[str, Any], plan: Plan) -> bool:
        return as_key(decisions) in known.decisions or proposals.key(Draw(None, decisions), plan) in known.keys

    return Supply(proposals, gates, seen, rng, patience, feasible, spread)


def drop(study: Study, gates: Gates, trial: FrozenTrial, reason: str) -> None:
    """Tell a trial that nobody asks for any more; its network may be proposed again."""
    live = optuna.Trial(study, trial._trial_id)
    end = {"reason": reason, "gate": "dropped"}
    end_trial(study, live, "failed", gates.goals, values={}, constraints={}, end=end)


def differing(draw: Draw) -> dict[str, Any] | None:
    """The decisions where they are not what the storage has as parameters anyway."""
    decisions = dict(draw.decisions)
    return None if draw.trial is None or draw.trial.params == decisions else decisions
