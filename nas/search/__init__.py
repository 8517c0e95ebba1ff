"""Objectives, budgets, samplers, and the engine that asks, gates and tells on an Optuna study."""

from nas.search.engine import Engine, TooManyFailures
from nas.search.gates import Gates
from nas.search.goals import Budget, GoalError, Goals, Objective
from nas.search.proposals import FixedProposals, Lesson, Network, SpaceProposals
from nas.search.rungs import Rungs, Scheduling
from nas.search.samplers import SAMPLERS, SamplerError, choose_sampler, make_sampler
from nas.search.share import Share
from nas.search.supply import Patience
from nas.search.tally import Best, Progress
from nas.search.trials import Candidate

__all__ = [
    "SAMPLERS",
    "Best",
    "Budget",
    "Candidate",
    "Engine",
    "FixedProposals",
    "Gates",
    "GoalError",
    "Goals",
    "Lesson",
    "Network",
    "Objective",
    "Patience",
    "Progress",
    "Rungs",
    "SamplerError",
    "Scheduling",
    "Share",
    "SpaceProposals",
    "TooManyFailures",
    "choose_sampler",
    "make_sampler",
]
