"""A space: every network that a tree describes, to walk, sample, decode and move in."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.arch import Catalogue, Plan
from nas.errors import InvalidArchitecture, SpecError
from nas.space.compiler import compile_network
from nas.space.decisions import Decision, Decisions, Draw, Label
from nas.space.decoder import Decoder
from nas.space.expression import Expression
from nas.space.forms import Network
from nas.space.loading import load_tree, with_input
from nas.space.node import Node
from nas.space.sampling import sample


class Space:
    """A compiled space.

    A point of it is a mapping from the names of its decisions to their labels: exactly those that arise, so that every
    point has one form. `decode` turns it into a plan.
    """

    def __init__(self, tree: Node, catalogue: Catalogue, name: str = "space") -> None:
        self.tree = tree
        self.catalogue = catalogue
        self.network: Network = compile_network(tree, catalogue, name)
        self.decoder = Decoder(self.network, catalogue)

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def classes(self) -> int:
        return self.network.classes

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions that may arise, in the order in which they do."""
        return self.decoder.decisions

    @property
    def cost_constraints(self) -> tuple[Expression, ...]:
        """The constraints that name macs, params, activations: to be checked by whoever knows the costs."""
        return self.network.costs

    def walk(self, draw: Draw) -> Decisions:
        """The decisions that `draw` makes: it is asked once for each that arises, and gives one of its labels."""
        return self.decoder.walk(draw)

    def sample(self, rng: random.Random) -> Decisions:
        """Decisions at random that can be built and satisfy the structural constraints."""
        return sample(self, rng)

    def decode(self, decisions: Mapping[str, Label]) -> Plan:
        """The plan of decisions.

        Raises `InvalidArchitecture` where they cannot be built or violate a structural constraint, and `BadDecisions`
        (which is one) where they are not what a walk of this space gives.
        """
        return self.decoder.decode(decisions)

    def contains(self, decisions: Mapping[str, Label]) -> bool:
        """Whether the decisions decode."""
        try:
            self.decode(decisions)
        except InvalidArchitecture:
            return False
        return True


def load_space(
    source: Path | str | Mapping[str, Any],
    catalogue: Catalogue,
    *,
    classes: int | None = None,
    channels: int | None = None,
    resolution: int | None = None,
    roots: Sequence[Path] = (),
) -> Space:
    """The space of a file, of a name under one of the `roots` (`zoo/resnet50`), or of a tree in Python.

    What is known of the data (`classes`, `channels`, `resolution`) replaces what the source says of it.
    Raises `SpecError` for the first mistake, with file, line and column.
    """
    tree, name = load_tree(source, roots)
    return Space(with_input(tree, classes, channels, resolution), catalogue, name)


def load_network(
    source: Path | str | Mapping[str, Any],
    catalogue: Catalogue,
    *,
    classes: int | None = None,
    channels: int | None = None,
    resolution: int | None = None,
    roots: Sequence[Path] = (),
) -> Plan:
    """The plan of a space with no choice left, from where `load_space` takes it.

    Raises `SpecError` where a choice is left or the network cannot be built.
    """
    space = load_space(source, catalogue, classes=classes, channels=channels, resolution=resolution, roots=roots)
    open_ones = [decision.name for decision in space.decisions if not decision.train]
    if open_ones:
        more = f" and {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
        raise space.tree.fail(
            f"a network must leave no choice, but '{open_ones[0]}'{more} must be decided: it is a space"
        )
    try:
        return space.decode(space.walk(lambda decision: decision.values[0]))
    except InvalidArchitecture as error:
        raise SpecError(error.reason, mark=error.mark, path=error.path) from error
