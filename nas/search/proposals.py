"""Where networks come from: a space and a sampler, or a fixed list. Both fill trials of an Optuna study."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import optuna
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nas.arch import Plan
from nas.errors import InvalidArchitecture
from nas.search.feasible import FeasibleSet
from nas.search.goals import Goals
from nas.search.history import as_key
from nas.search.random_sampler import RandomSampler
from nas.search.replaying import ReplayingSampler
from nas.search.samplers import count_independent, make_sampler, startup
from nas.search.spaces import Parameters, Space, Walks
from nas.store import Results, Role
from nas.store.attributes import END, NETWORK, get, put

START = "start"  # the attribute of a trial that the search started at: the network's name, and its decisions
WARM = "warm start"
ORIGIN = "origin"  # of a trial that no sampler drew: what proposed it
SPREAD, REACHABLE = "spread", "reachable"  # what proposes networks before a sampler does


@dataclass(frozen=True)
class Draw:
    """One trial with what it is about. `plan` is there from the start for a fixed network, else decoded at the gate.

    `origin` says what proposed it: `by` the name of a sampler, `start`, `warm start`, or as `Proposals.ask` was told.
    """

    trial: Any  # an optuna.Trial; None for a network that is only looked at
    decisions: Mapping[str, Any]
    plan: Plan | None = None
    name: str = ""
    source: int | None = None
    drawn: int = 0
    independent: int = 0
    origin: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Lesson:
    """What networks of this space came to in an earlier study: `values` in the order of this study's objectives.

    `name` says where the numbers are from; those of one name were found in the same way.
    """

    study: str
    name: str
    decisions: Sequence[Mapping[str, Any]]
    values: Sequence[Sequence[float]]


class Proposals(Protocol):
    """What the engine asks for networks. `enforce`: whether the gates turn away, or only note what they find."""

    role: Role
    enforce: bool

    @property
    def left(self) -> int | None:
        """How many networks of a list have no trial yet, None where there is no list."""
        ...

    def open(self, results: Results, goals: Goals, feasible: FeasibleSet | None = None) -> Study:
        """The Optuna study of this role; `feasible` is what a sampler may draw from."""
        ...

    def ask(
        self, trial: optuna.Trial | None = None, decisions: Mapping[str, Any] | None = None, by: str = ""
    ) -> Draw | None:
        """The next network, None when there are no more.

        `trial` is one that a dead driver left; `decisions` asks for this network and not one that the sampler draws,
        and `by` says what proposed it.
        """
        ...

    def decode(self, draw: Draw) -> Plan:
        """Raises `InvalidArchitecture`."""
        ...

    def key(self, draw: Draw, plan: Plan) -> str:
        """Names the network with all that matters in training it; also its folder."""
        ...


class SpaceProposals:
    """Networks that an Optuna sampler draws from a space, behind those that the search starts at.

    `sampler` is a name of `SAMPLERS`, `module:attribute`, or a sampler; `options` are its keyword arguments. `start`
    are decisions by the name of the network that they give; each gets one trial. So do those of `warm`, networks of
    earlier studies, behind them. `lessons` are handed to a sampler that can learn from others' studies, by its method
    `learn_from(name, params, values)`; `features`, numbers of a network by name, to one that can learn from them, by
    `know(features)`, whose attribute `informed` says of each objective whether its last proposal used them. With
    `spread` what a sampler would draw by chance before it begins to learn is spread over the budgets instead.
    """

    role: Role = "candidate"
    enforce = True
    left = None

    def __init__(
        self,
        space: Space,
        sampler: str | BaseSampler = "tpe",
        options: Mapping[str, Any] | None = None,
        *,
        seed: int = 0,
        start: Mapping[str, Mapping[str, Any]] | None = None,
        warm: Mapping[str, Mapping[str, Any]] | None = None,
        lessons: Sequence[Lesson] = (),
        features: Mapping[str, Callable[[Plan], float]] | None = None,
        spread: bool = True,
    ) -> None:
        self.space = space
        self._by = dict.fromkeys(start or {}, START)
        self.start = dict(start or {})
        for name, decisions in (warm or {}).items():
            self._by.setdefault(name, WARM)
            self.start.setdefault(name, decisions)
        self._lessons = tuple(lessons)
        self._features = dict(features or {})
        self._waiting: list[str] = []
        self.seed = seed
        self._wanted = (sampler, options)
        self._sampler = sampler if isinstance(sampler, str) else type(sampler).__name__
        self._startup = startup(sampler, options) if spread else 0
        make_sampler(sampler, options, seed=seed)  # a wrong name or option is found before anything is written
        self._parameters = Parameters()
        self._by_name = {decision.name: decision for decision in space.decisions}

    @property
    def starting(self) -> bool:
        """Whether a network that the search starts at has no trial yet."""
        return bool(self._waiting)

    def open(self, results: Results, goals: Goals, feasible: FeasibleSet | None = None) -> Study:
        study = results.study(self.role, goals.directions)
        self._objectives = [objective.text for objective in goals.objectives]
        trials = study.get_trials(deepcopy=False)
        study.sampler = make_sampler(*self._wanted, seed=self.seed, past=len(trials))
        walks = Walks(self.space, self._parameters, feasible)
        if isinstance(study.sampler, ReplayingSampler | RandomSampler):
            study.sampler.bind(walks)
        know = getattr(study.sampler, "know", None)
        self._teaches = know is not None and bool(self._features)
        if know is not None:
            know({name: partial(_of_network, walks, feature) for name, feature in self._features.items()})
        learn = getattr(study.sampler, "learn_from", None)
        if learn is not None:
            for lesson in self._lessons:
                learn(lesson.name, [self._encoded(each) for each in lesson.decisions], lesson.values)
        by = [get(trial.user_attrs, ORIGIN).get("by") for trial in trials]
        self._spread_asked = by.count(SPREAD)
        self._sampled = any(each not in (START, WARM, SPREAD, REACHABLE) for each in by)
        tried = [get(trial.user_attrs, START) for trial in trials if not _left_untried(trial)]
        known = {as_key(start["decisions"]) for start in tried if start}
        self._waiting = [name for name, decisions in self.start.items() if as_key(decisions) not in known]
        self.study = study
        return study

    @property
    def to_spread(self) -> range:
        """Which of the networks spread over the budgets are to be asked for yet, and at its end how many there are."""
        return range(0) if self._sampled else range(self._spread_asked, self._startup - len(self.start))

    def ask(self, trial: optuna.Trial | None = None, decisions: Mapping[str, Any] | None = None, by: str = "") -> Draw:
        attributes: dict[str, Any] = {}
        if trial is None and decisions is None and self._waiting:
            name = self._waiting.pop(0)
            decisions = self.start[name]
            put(attributes.__setitem__, START, {"name": name, "decisions": dict(decisions)})
            by = self._by[name]
        if decisions is not None:
            put(attributes.__setitem__, ORIGIN, {"by": by})
            self.study.enqueue_trial(self._encoded(decisions), user_attrs=attributes)
        fresh = trial is None and decisions is None
        trial = self.study.ask() if trial is None else trial
        names: list[str] = []

        def draw(decision: Any) -> Any:
            label = self._parameters.suggest(trial, decision)
            if not self._parameters.single(decision):
                names.append(decision.name)
            return label

        decided = self.space.walk(draw)
        independent = count_independent(trial, self.study.sampler, names) if fresh else 0
        name = get(trial.user_attrs, START).get("name", "")
        origin = get(trial.user_attrs, ORIGIN) or {
            "by": self._sampler,
            "drawn": len(names),
            "independent": independent,
            **(self._informed() if fresh else {}),
        }
        drawn, independent = origin.get("drawn", 0), origin.get("independent", 0)  # none where the engine proposed it
        return Draw(trial, decided, name=name, drawn=drawn, independent=independent, origin=origin)

    def _informed(self) -> dict[str, dict[str, bool]]:
        """Of each objective, whether the sampler told it from features too; empty where it was given none."""
        informed = getattr(self.study.sampler, "informed", ()) if self._teaches else ()
        return {"informed": dict(zip(self._objectives, informed, strict=True))} if informed else {}

    def _encoded(self, decisions: Mapping[str, Any]) -> dict[str, Any]:
        return self._parameters.encode(decisions, self._by_name)

    def decode(self, draw: Draw) -> Plan:
        return self.space.decode(draw.decisions)

    def key(self, draw: Draw, plan: Plan) -> str:
        return network_key(plan.arch_id, {k: v for k, v in draw.decisions.items() if self._by_name[k].train})


@dataclass(frozen=True)
class Network:
    """A network to be trained whatever a sampler thinks: its name within the role, and where it comes from."""

    name: str
    plan: Plan
    decisions: Mapping[str, Any] = field(default_factory=dict)
    source: int | None = None


class FixedProposals:
    """A list of networks, each trained once under its name: baselines, finalists. Budgets are noted, not enforced."""

    enforce = False

    def __init__(self, networks: Sequence[Network], role: Role) -> None:
        names = [network.name for network in networks]
        if len(set(names)) != len(names):
            raise ValueError(f"names must be different, but got {names}")
        self.role: Role = role
        self.networks = {network.name: network for network in networks}
        self._names: list[str] = []

    @property
    def left(self) -> int:
        return len(self._names)

    def open(self, results: Results, goals: Goals, feasible: FeasibleSet | None = None) -> Study:
        self.study = results.study(self.role, goals.directions, optuna.samplers.RandomSampler(seed=0))
        trials = self.study.get_trials(deepcopy=False)
        kept = [t for t in trials if not t.state.is_finished() or get(t.user_attrs, END).get("entered")]
        known = [get(trial.user_attrs, NETWORK) for trial in kept]
        done = {(network.get("name"), network.get("arch_id")) for network in known}
        self._names = [name for name, network in self.networks.items() if (name, network.plan.arch_id) not in done]
        return self.study

    def ask(
        self, trial: optuna.Trial | None = None, decisions: Mapping[str, Any] | None = None, by: str = ""
    ) -> Draw | None:
        name = get(trial.user_attrs, NETWORK).get("name") if trial is not None else None
        if name not in self.networks:
            name = self._names.pop(0) if self._names else None
        if name is None:
            return None
        network = self.networks[name]
        return Draw(trial or self.study.ask(), network.decisions, network.plan, name, network.source)

    def decode(self, draw: Draw) -> Plan:
        assert draw.plan is not None
        return draw.plan

    def key(self, draw: Draw, plan: Plan) -> str:
        plain = re.sub(r"[^A-Za-z0-9.]+", "_", draw.name).strip("._")[:40]
        tag = hashlib.sha256(draw.name.encode()).hexdigest()[:6]
        return f"{plan.arch_id}-{self.role}-{plain}-{tag}"


def _of_network(walks: Walks, feature: Callable[[Plan], float], params: Mapping[str, Any]) -> float:
    """NaN for what no gate has turned away yet, but cannot be built."""
    try:
        return feature(walks.decode(params))
    except InvalidArchitecture:
        return math.nan


def _left_untried(trial: FrozenTrial) -> bool:
    """Whether a trial ended, but not for what its network is: it was dropped, or could not be measured."""
    end = get(trial.user_attrs, END)
    return end.get("state") == "failed" and not end.get("entered")


def network_key(arch_id: str, train: Mapping[str, Any]) -> str:
    """`arch_id`, with a hash of the train decisions where there are any."""
    if not train:
        return arch_id
    text = json.dumps(train, sort_keys=True)
    return f"{arch_id}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
