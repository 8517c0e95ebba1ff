"""The language: trees with places, expressions, spaces of networks. Knows neither torch nor what a block does."""

from nas.space.decisions import BadDecisions, Decision, Decisions, Draw, Label
from nas.space.expression import Expression, ExpressionError, parse
from nas.space.node import Node, wrap
from nas.space.sampling import EmptySpace
from nas.space.space import Space, load_network, load_space
from nas.space.text import read, read_text, write

__all__ = [
    "BadDecisions",
    "Decision",
    "Decisions",
    "Draw",
    "EmptySpace",
    "Expression",
    "ExpressionError",
    "Label",
    "Node",
    "Space",
    "load_network",
    "load_space",
    "parse",
    "read",
    "read_text",
    "wrap",
    "write",
]
