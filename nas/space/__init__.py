"""The language: trees with places, expressions, spaces of networks. Knows neither torch nor what a block does."""

from nas.space.about import About, read_about
from nas.space.contradictions import check_consistent
from nas.space.counting import Size
from nas.space.decisions import BadDecisions, Decision, Decisions, Draw, Label
from nas.space.expression import Expression, ExpressionError, parse
from nas.space.locating import Approach, Miss, NotInside, approach, locate
from nas.space.mapping import answered_alike
from nas.space.node import Node, wrap
from nas.space.operators import choice, each, optional, range_
from nas.space.refusals import Refusals
from nas.space.sampling import EmptySpace
from nas.space.scaler import Scaler
from nas.space.space import Space, decided_plan, load_network, load_space
from nas.space.text import read, read_text, write
from nas.space.train_fields import TrainFields
from nas.space.yaml_out import network_tree, network_yaml

__all__ = [
    "About",
    "Approach",
    "BadDecisions",
    "Decision",
    "Decisions",
    "Draw",
    "EmptySpace",
    "Expression",
    "ExpressionError",
    "Label",
    "Miss",
    "Node",
    "NotInside",
    "Refusals",
    "Scaler",
    "Size",
    "Space",
    "TrainFields",
    "answered_alike",
    "approach",
    "check_consistent",
    "choice",
    "decided_plan",
    "each",
    "load_network",
    "load_space",
    "locate",
    "network_tree",
    "network_yaml",
    "optional",
    "parse",
    "range_",
    "read",
    "read_about",
    "read_text",
    "wrap",
    "write",
]
