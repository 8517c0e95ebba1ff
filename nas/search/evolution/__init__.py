"""Samplers that go by neighbour moves: ageing evolution, and local search around the front."""

from nas.search.evolution.ageing import AgeingSampler
from nas.search.evolution.local_search import LocalSearchSampler

__all__ = ["AgeingSampler", "LocalSearchSampler"]
