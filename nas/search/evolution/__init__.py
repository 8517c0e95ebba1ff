"""Samplers that go by neighbour moves: ageing evolution, and local search around the front."""

from nas.search.evolution.ageing import AgeingSampler
from nas.search.evolution.local_search import LocalSearchSampler
from nas.search.evolution.replaying import ReplayingSampler

__all__ = ["AgeingSampler", "LocalSearchSampler", "ReplayingSampler"]
