"""Remembered parameters, MACs, activations and peak memory of blocks, obtained from the modules themselves."""

from nas.cost.operators import Uncountable
from nas.cost.table import CostTable
from nas.cost.values import Cost, Profile, SpanCost

__all__ = ["Cost", "CostTable", "Profile", "SpanCost", "Uncountable"]
