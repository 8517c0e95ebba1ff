"""Objectives, budgets, samplers, and the engine that asks, gates and tells on an Optuna study."""

from nas.search.engine import Engine, TooManyFailures
from nas.search.evolution import AgeingSampler, LocalSearchSampler
from nas.search.gates import Gates
from nas.search.goals import Budget, GoalError, Goals, Objective
from nas.search.proposals import FixedProposals, Lesson, Network, SpaceProposals
from nas.search.rungs import Rungs, Scheduling
from nas.search.samplers import SAMPLERS, SamplerError, choose_sampler, make_sampler
from nas.search.share import Share
from nas.search.supply import Patience
from nas.search.surrogate.sampler import SurrogateSampler
from nas.search.tally import Best, Progress
from nas.search.trials import Candidate

__all__ = [
    "SAMPLERS",
    "AgeingSampler",
    "Best",
    "Budget",
    "Candidate",
    "Engine",
    "FixedProposals",
    "Gates",
    "GoalError",
    "Goals",
    "Lesson",
    "LocalSearchSampler",
    "Network",
    "Objective",
    "Patience",
    "Progress",
    "Rungs",
    "SamplerError",
    "Scheduling",
    "Share",
    "SpaceProposals",
    "SurrogateSampler",
    "TooManyFailures",
    "choose_sampler",
    "make_sampler",
]
