"""The last unit of a decoding: reads what is decided about scaling, and scales the plan that all else gave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.arch import Plan
from nas.errors import InvalidArchitecture, Mark
from nas.space.decisions import Decisions, Draw
from nas.space.evaluation import Frame, evaluate
from nas.space.forms import MapForm
from nas.space.needs import needs
from nas.space.reach import reach
from nas.space.readers import Finder, Reader, draw_all
from nas.space.scaler import Scaler
from nas.space.units import Context, Run, Trail, UseGroup, read_key


class ScaleUnit:
    """The key `scale` at work; `mark` is where it stands."""

    def __init__(
        self, form: MapForm, mark: Mark | None, scaler: Scaler, bits: Mapping[str, int], decide: Finder
    ) -> None:
        self._form = form
        self._mark = mark
        self._scaler = scaler
        self._bits = bits
        self._reader = Reader(reach(form, "stage"), None, {}, decide)
        self._context = Context(needs(form))
        self._seen: dict[Any, tuple[Mapping[str, Any], int, int]] = {}

    def walk(self, draw: Draw, into: Decisions, use: UseGroup) -> None:
        draw_all(self._reader, draw, into, use)

    def read(self, run: Run) -> Mapping[str, Any]:
        """The values under decisions. Raises `InvalidArchitecture` where an expression has none that fits."""
        key = (read_key(self._reader, run.decisions), self._context.key(run))
        found = self._seen.get(key)
        if found is None:
            trail = Trail(self._reader, run.decisions, self._bits)
            values = evaluate(self._form, Frame(run.decisions, run.recorded))
            found = self._seen[key] = (values, trail.uses, trail.count)
        values, uses, count = found
        run.uses |= uses
        run.count += count
        return values

    def scaled(self, plan: Plan, values: Mapping[str, Any]) -> Plan:
        """The plan scaled by the values. Raises `InvalidArchitecture`, its path `scale`, where it cannot be."""
        try:
            return self._scaler.scale(plan, values)
        except InvalidArchitecture as error:
            told = InvalidArchitecture(error.reason, path=error.path)  # without a place in the file
            raise InvalidArchitecture(str(told), path="scale", mark=self._mark) from error
