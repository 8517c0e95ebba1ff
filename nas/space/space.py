"""A space: every network that a tree describes, to walk, sample, decode and move in."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.arch import Catalogue, MapShape, Plan
from nas.errors import InvalidArchitecture, SpecError
from nas.space.about import About
from nas.space.compiler import compile_network
from nas.space.counting import Counter, Size
from nas.space.decisions import Decision, Decisions, Draw, Label
from nas.space.decoder import Decoder
from nas.space.domains import possible_values
from nas.space.emptiness import nothing_satisfies
from nas.space.evaluation import Frame, evaluate
from nas.space.expression import Expression
from nas.space.forms import Network
from nas.space.loading import load_tree, with_input, with_resolutions
from nas.space.moves import crossover, neighbours
from nas.space.node import Node
from nas.space.resolution import told
from nas.space.sampling import EmptySpace, draw_uniformly, sample
from nas.space.scaler import Scaler
from nas.space.train_fields import TrainFields
from nas.space.vectors import encode, label_at
from nas.space.yaml_out import network_tree, network_yaml


class Space:
    """A compiled space.

    A point of it is a mapping from the names of its decisions to their labels: exactly those that arise, so that every
    point has one form. `decode` turns it into a plan.
    """

    def __init__(
        self,
        tree: Node,
        catalogue: Catalogue,
        name: str = "space",
        spared: frozenset[str] = frozenset(),
        train_fields: TrainFields | None = None,
        scaler: Scaler | None = None,
    ) -> None:
        self.tree = tree
        self.catalogue = catalogue
        self._spared = spared
        self._train_fields = train_fields
        self._scaler = scaler
        try:
            self.network: Network = compile_network(tree, catalogue, name, spared, train_fields, scaler)
        except RecursionError:
            raise tree.fail("a space must not nest so deep") from None
        self.decoder = Decoder(self.network, catalogue, scaler)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Space, (self.tree, self.catalogue, self.name, self._spared, self._train_fields, self._scaler))

    @property
    def name(self) -> str:
        return self.network.name

    @property
    def about(self) -> About:
        """What its author says of it: family, paper, published accuracy."""
        return self.network.about

    @property
    def classes(self) -> int:
        return self.network.classes

    @property
    def input(self) -> MapShape:
        """The input of its networks, the largest where it is chosen; where they are scaled, that before."""
        network = self.network
        sizes = (network.channels, network.height, network.width)
        return MapShape(*(max(possible_values(size, self.tree, "input")) for size in sizes))

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """All decisions that may arise, in the order in which they do."""
        return self.decoder.decisions

    @property
    def cost_constraints(self) -> tuple[Expression, ...]:
        """The constraints that name macs, params, activations: to be checked by whoever knows the costs."""
        return self.network.costs

    @property
    def scales(self) -> bool:
        """Whether its networks are scaled behind all else."""
        return bool(self.network.scale.items)

    def walk(self, draw: Draw) -> Decisions:
        """The decisions that `draw` makes: it is asked once for each that arises, and gives one of its labels."""
        return self.decoder.walk(draw)

    def size(self) -> Size:
        """How many decision vectors satisfy the structural constraints; see `nas.space.counting` for what counts."""
        return self._counter.size

    def sample(self, rng: random.Random) -> Decisions:
        """Decisions at random that can be built and satisfy the structural constraints, all with the same chance.

        Training decisions are drawn by themselves. Where constraints could not be counted (`size().exact` is false) and
        reject all that is drawn so, the space is walked instead, each label with the same chance. Raises `EmptySpace`.
        """
        table, complete = self._counter.table, self._counter.complete
        if table is not None:
            if not table.total:
                raise self._nothing()
            try:
                return sample(self, lambda: table.draw(rng))
            except EmptySpace:
                if complete:
                    raise
        draw = draw_uniformly(rng)
        return sample(self, lambda: self.walk(draw))

    def draw(self, rng: random.Random) -> Decisions:
        """Decisions at random that satisfy the structural constraints, whether or not they can be built.

        Where constraints could not be counted, decisions that violate them are drawn too. Raises `EmptySpace`.
        """
        table = self._counter.table
        if table is None:
            return self.walk(draw_uniformly(rng))
        if not table.total:
            raise self._nothing()
        return table.draw(rng)

    def _nothing(self) -> EmptySpace:
        return nothing_satisfies(self.network, lambda rng: self.walk(draw_uniformly(rng)))

    @cached_property
    def _counter(self) -> Counter:
        return Counter(self.network, self.decisions)

    def decode(self, decisions: Mapping[str, Label]) -> Plan:
        """The plan of decisions; where the space scales its networks, the scaled one.

        Raises `InvalidArchitecture` where they cannot be built or violate a structural constraint, and `BadDecisions`
        (which is one) where they are not what a walk of this space gives.
        """
        return self.decoder.decode(decisions)

    def told(self, decisions: Mapping[str, Label], error: InvalidArchitecture) -> SpecError:
        """What `decode` raised, as an error to show: it names the nearest resolutions at which it would not."""
        return told(self, decisions, error)

    def side(self, decisions: Mapping[str, Label]) -> int | None:
        """The resolution under decisions, before scaling; None where the input is given by height and width."""
        form = self.network.resolution
        return None if form is None else int(evaluate(form, Frame(decisions)))

    def at_resolutions(self, sides: Iterable[int]) -> Space:
        """The same space with a choice of resolutions instead of its own. Raises `SpecError` where they do not fit."""
        tree, replaced = with_resolutions(self.tree, sides)
        return Space(tree, self.catalogue, self.name, self._spared | replaced, self._train_fields, self._scaler)

    def neighbours(self, decisions: Mapping[str, Label]) -> Iterator[Decisions]:
        """All points of the space that differ in one answer, and in what that answer opens or closes."""
        return neighbours(self, decisions)

    def crossover(self, a: Mapping[str, Label], b: Mapping[str, Label], rng: random.Random) -> Decisions:
        """A point of the space whose answers come from two others."""
        return crossover(self, a, b, rng)

    def encode(self, decisions: Mapping[str, Label]) -> tuple[float, ...]:
        """A point of the unit cube with a coordinate for each of `self.decisions`, 0.5 where one did not arise."""
        return encode(self.decisions, decisions)

    def decode_vector(self, vector: Sequence[float]) -> Decisions:
        """The decisions of any point of the unit cube; they need not be buildable."""
        if len(vector) != len(self.decisions):
            raise ValueError(f"a vector must have {len(self.decisions)} coordinates, but has {len(vector)}")
        places = {decision.name: place for decision, place in zip(self.decisions, vector, strict=True)}
        return self.walk(lambda decision: label_at(decision, places[decision.name]))

    def to_tree(self, decisions: Mapping[str, Label]) -> dict[str, Any]:
        """The decided network as a plain tree of the language."""
        return network_tree(self.decode(decisions))

    def write(self, decisions: Mapping[str, Label]) -> str:
        """The decided network as YAML text in the language."""
        return network_yaml(self.decode(decisions))

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
    resolution_from: str = "",
    roots: Sequence[Path] = (),
    train_fields: TrainFields | None = None,
    scaler: Scaler | None = None,
) -> Space:
    """The space of a file, of a name under one of the `roots` (`zoo/resnet50`), or of a tree in Python.

    What is known of the data (`classes`, `channels`, `resolution`) replaces what the source says of it;
    `resolution_from` says in errors where the resolution comes from (an option, the data). `train_fields` are what may
    stand under `train`; without them, anything. `scaler` is what `scale` needs; without it, nothing may stand there.
    Raises `SpecError` for the first mistake, with file, line and column.
    """
    tree, name, inherited = load_tree(source, roots)
    tree, replaced = with_input(tree, classes, channels, resolution, resolution_from)
    return Space(tree, catalogue, name, inherited | replaced, train_fields, scaler)


def load_network(
    source: Path | str | Mapping[str, Any],
    catalogue: Catalogue,
    *,
    classes: int | None = None,
    channels: int | None = None,
    resolution: int | None = None,
    resolution_from: str = "",
    roots: Sequence[Path] = (),
    scaler: Scaler | None = None,
) -> Plan:
    """The plan of a space with no choice left, from where `load_space` takes it.

    Raises `SpecError` where a choice is left or the network cannot be built.
    """
    space = load_space(
        source,
        catalogue,
        classes=classes,
        channels=channels,
        resolution=resolution,
        resolution_from=resolution_from,
        roots=roots,
        scaler=scaler,
    )
    return decided_plan(space)


def decided_plan(space: Space) -> Plan:
    """The plan of a space with no choice left (but under `train`). Raises `SpecError` as `load_network` does."""
    open_ones = [decision.name for decision in space.decisions if not decision.train]
    if open_ones:
        more = f" and {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
        raise space.tree.fail(
            f"a network must leave no choice, but '{open_ones[0]}'{more} must be decided: it is a space"
        )
    decisions = space.walk(lambda decision: decision.values[0])
    try:
        return space.decode(decisions)
    except InvalidArchitecture as error:
        raise space.told(decisions, error) from error
