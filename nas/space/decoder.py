"""Decisions to a plan, and the walk that asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.arch import Catalogue, Fields, MapShape, Plan, Span, check_shared_uses
from nas.arch.values import Value
from nas.errors import InvalidArchitecture
from nas.space.constraints import Checker
from nas.space.decisions import BadDecisions, Decision, Decisions, Draw, Label
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import Group, Network, Sequence
from nas.space.listing import list_decisions
from nas.space.needs import names_within, needs
from nas.space.pieces import Pieces
from nas.space.reach import reach
from nas.space.readers import Reader, draw_all
from nas.space.scale_unit import ScaleUnit
from nas.space.scaler import Scaler
from nas.space.stage_unit import StageUnit
from nas.space.units import ChainUnit, Context, ExitUnit, Run, Trail, read_key


class Decoder:
    """A compiled space at work; thread-safe as dicts are. Decoding remembers every piece it ever met."""

    def __init__(self, network: Network, catalogue: Catalogue, scaler: Scaler | None = None) -> None:
        self.network = network
        self.decisions = list_decisions(network)
        self._by_name = {decision.name: decision for decision in self.decisions}
        decide = self._by_name.__getitem__
        self._bits = {group.name: 1 << index for index, group in enumerate(network.groups)}
        self._groups: dict[str, Reader] = {}
        self._shared_names = names_within(network.groups)
        self._shared_counts: dict[Any, int] = {}
        self.pieces = Pieces(catalogue)
        square = Sequence((network.height, network.width, network.channels))
        self._input = Reader(reach(square, "stage"), None, {}, decide)
        self._input_context = Context(needs(square))
        self._inputs: dict[Any, tuple[MapShape, int, int]] = {}
        self._train = Reader(reach(network.train, "stage"), None, {}, decide)
        self._train_context = Context(needs(network.train))
        self._trains: dict[Any, tuple[Fields, int, int]] = {}
        self._continuous = any(decision.continuous for decision in self.decisions)
        units: list[ChainUnit | StageUnit] = [ChainUnit("stem", network.stem, self.pieces, self._bits, decide)]
        for stage in network.stages:
            units.append(StageUnit(stage, self.pieces, self._bits, decide))
            if stage.exit is not None:
                units.append(ExitUnit(stage, network.classes, self.pieces, self._bits, decide))
        units.append(ChainUnit("head", network.head, self.pieces, self._bits, decide))
        self.units = tuple(units)
        self._scale: ScaleUnit | None = None
        if network.scale.items:
            assert scaler is not None  # else it does not compile
            self._scale = ScaleUnit(network.scale, network.scale_mark, scaler, self._bits, decide)
        self._shares = any(group.part is not None for group in network.groups)
        self._checker = Checker(network.constraints)
        self._spans: dict[tuple[str, int, int], Span] = {}

    def decision(self, name: str) -> Decision:
        """The decision of a name; `KeyError` when there is none."""
        return self._by_name[name]

    def walk(self, draw: Draw) -> Decisions:
        """Asks `draw` once for each decision that arises, in an order that depends on nothing but the answers."""
        into: Decisions = {}
        drawn: set[str] = set()

        def use(group: Group) -> None:
            if group.name not in drawn:
                drawn.add(group.name)
                draw_all(self._group(group), draw, into, use)

        draw_all(self._input, draw, into, use)
        for unit in self.units:
            unit.walk(draw, into, use)
        if self._scale is not None:
            self._scale.walk(draw, into, use)
        draw_all(self._train, draw, into, use)
        return into

    def _group(self, group: Group) -> Reader:
        """The reader of a var or default, made when first used: one that no block can reach has no decisions."""
        reader = self._groups.get(group.name)
        if reader is None:
            reader = self._groups[group.name] = Reader(reach(group.form, "shared"), None, {}, self.decision)
        return reader

    def decode(self, decisions: Mapping[str, Label]) -> Plan:
        """The plan of decisions. Raises `InvalidArchitecture` where they cannot be built or violate a constraint."""
        try:
            return self._decode(decisions)
        except KeyError as error:
            if not error.args or error.args[0] not in self._by_name:
                raise  # not about decisions: a mistake in a block
            raise BadDecisions("the decisions must answer this, but do not", path=str(error.args[0])) from None
        except TypeError:
            for name, label in decisions.items():
                if not isinstance(label, str | int | float | bool):
                    raise BadDecisions(f"must be a scalar, but got {label!r}", path=str(name)) from None
            raise

    def _decode(self, decisions: Mapping[str, Label]) -> Plan:
        run = Run(decisions, MapShape(1, 1, 1))
        shape = self._shape(run)
        run.shape = shape
        spans = []
        for unit in self.units:
            start = len(run.steps)
            unit.decode(run)
            where = (unit.name, start, len(run.steps))
            span = self._spans.get(where)
            if span is None:
                span = self._spans[where] = Span(*where, unit.is_exit, unit.leave)
            spans.append(span)
        factors = self._scale.read(run) if self._scale is not None else {}
        train = self._training(run)
        if run.count + self._shared(run) != len(decisions):
            self._explain(decisions)
        if not run.steps:
            raise InvalidArchitecture("a network must have at least one block, but all vanish")
        self._checker.check(decisions, run.recorded)
        if self._shares:
            self._check_shared(run)
        network = self.network
        if run.exits:  # one that vanished is none
            spans = [span for span in spans if not span.exit or span.stop > span.start]
        plan = Plan(network.name, shape, network.classes, tuple(run.steps), tuple(spans), train, tuple(run.exits))
        return plan if self._scale is None else self._scale.scaled(plan, factors)

    def _check_shared(self, run: Run) -> None:
        try:
            check_shared_uses(run.steps)
        except InvalidArchitecture as error:
            node = next(group.node for group in self.network.groups if group.name == error.path)
            mark = node.mark if node.mark.line else None
            raise InvalidArchitecture(error.reason, path=error.path, mark=mark) from None

    def _shape(self, run: Run) -> MapShape:
        key = (read_key(self._input, run.decisions), self._input_context.key(run))
        found = self._inputs.get(key)
        if found is None:
            trail = Trail(self._input, run.decisions, self._bits)
            frame = Frame(run.decisions)
            network = self.network
            sizes = [evaluate(form, frame) for form in (network.channels, network.height, network.width)]
            found = self._inputs[key] = (MapShape(*sizes), trail.uses, trail.count)
        shape, uses, count = found
        run.uses |= uses
        run.count += count
        return shape

    def _training(self, run: Run) -> Fields:
        key = (read_key(self._train, run.decisions), self._train_context.key(run))
        found = self._trains.get(key)
        if found is None:
            trail = Trail(self._train, run.decisions, self._bits)
            value = evaluate(self.network.train, Frame(run.decisions, run.recorded))
            found = (_fields(value), trail.uses, trail.count)
            if not self._continuous:  # a fraction hardly comes twice
                self._trains[key] = found
        train, uses, count = found
        run.uses |= uses
        run.count += count
        return train

    def _shared(self, run: Run) -> int:
        """How many decisions of vars and defaults were reached."""
        if not run.uses:
            return 0
        get = run.decisions.get
        key = (run.uses, tuple([get(name) for name in self._shared_names]))
        count = self._shared_counts.get(key)
        if count is None:
            trails: dict[str, Trail] = {}
            uses = run.uses
            while True:
                fresh = [group for group in self.network.groups if uses & self._bits[group.name]]
                fresh = [group for group in fresh if group.name not in trails]
                if not fresh:
                    break
                for group in fresh:
                    trails[group.name] = trail = Trail(self._group(group), run.decisions, self._bits)
                    uses |= trail.uses
            count = sum(trail.count for trail in trails.values())
            if not self._continuous:
                self._shared_counts[key] = count
        return count

    def _explain(self, decisions: Mapping[str, Label]) -> None:
        """Raises `BadDecisions` that names the first decision never asked for."""
        asked = self.walk(lambda decision: decisions[decision.name])
        for name in decisions:
            if name not in asked:
                known = "does not arise under the others" if name in self._by_name else "is none of this space"
                raise BadDecisions(f"the decision must be asked for, but it {known}", path=str(name))


def _fields(value: Mapping[str, Any]) -> Fields:
    return Fields({key: _value(item) for key, item in value.items()})


def _value(value: Any) -> Value:
    match value:
        case dict():
            return _fields(value)
        case tuple():
            return tuple(_value(item) for item in value)
    return value  # type: ignore[no-any-return]
