"""A sampler that models architectures: Gaussian processes over operators and places, for several objectives."""

from nas.search.surrogate.sampler import SurrogateSampler

__all__ = ["SurrogateSampler"]
