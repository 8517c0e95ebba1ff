"""A latency predictor learnt from some measured networks; see `nas.measure.predictor`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.arch import Plan
from nas.errors import NasError
from nas.measure.predictor.choosing import best_fit
from nas.measure.predictor.counts import Counts, check_alike
from nas.measure.predictor.digits import count_digits
from nas.measure.predictor.error import HeldOutError
from nas.measure.predictor.fitting import Fit, Prediction
from nas.measure.predictor.intervals import CONFIDENCE
from nas.measure.predictor.key import Key
from nas.measure.predictor.plans import count_plan
from nas.measure.predictor.proposing import propose_next
from nas.measure.predictor.regression import Array
from nas.measure.predictor.storing import networks_from_json, networks_to_json
from nas.measure.predictor.validation import cross_validated

VERSION = 2  # of the JSON form
FEWEST = 3

Network = Counts | Plan | str


@dataclass(frozen=True)
class Predictor:
    """Times of networks of one space on one device, from `networks` measured to take `ms` there.

    `proposed` are the places of those that `propose` chose; intervals take their width from the others.
    Frozen: `update` gives a new one. Networks are `Counts`, plans or strings of digits, all of one kind.
    """

    networks: tuple[Counts, ...]
    ms: tuple[float, ...]
    key: Key
    proposed: frozenset[int]
    chosen: Fit = field(compare=False, repr=False)

    @classmethod
    def fit(
        cls,
        networks: Sequence[Network],
        ms: Sequence[float] | Array,
        key: Key | None = None,
        proposed: Iterable[int] = (),
    ) -> Predictor:
        """Learn from at least 3 networks and their times in ms; `key` says what they hold for.

        Raises `NasError` for fewer, for times that are not positive numbers, and for networks of several kinds.
        """
        counted = counts_of(networks)
        times = np.asarray(ms, dtype=float)
        if times.shape != (len(counted),):
            raise NasError(
                f"there must be one time for each network, but got {times.shape} for {len(counted)} networks"
            )
        if len(counted) < FEWEST:
            raise NasError(
                f"a predictor needs at least {FEWEST} measured networks, but got {len(counted)}; measure more"
            )
        for index, time in enumerate(times):
            if not (np.isfinite(time) and time > 0):
                raise NasError(f"every time must be a positive number of milliseconds, but network {index} has {time}")
        check_alike(counted)
        places = frozenset(proposed)
        if not places <= set(range(len(counted))):
            raise NasError(f"the proposed must be places among {len(counted)} networks, but got {sorted(places)}")
        chosen = best_fit(counted, times, _mask(places, len(counted)))
        return cls(tuple(counted), tuple(times.tolist()), key or Key(), places, chosen)

    def update(self, networks: Sequence[Network], ms: Sequence[float] | Array) -> Predictor:
        """A predictor that also knows these measurements; what was measured twice counts twice."""
        return Predictor.fit(
            [*self.networks, *counts_of(networks)], [*self.ms, *np.asarray(ms, float)], self.key, self.proposed
        )

    def predict(self, networks: Sequence[Network], confidence: float = CONFIDENCE) -> Prediction:
        """The times of networks, with intervals within which so many measurements lie, one of each network.

        Raises `NasError` for networks of another kind.
        """
        counted = self._counted(networks)
        if not counted:
            return Prediction(np.zeros(0), np.zeros(0), np.zeros(0))
        return self.chosen.predict(counted, confidence)

    def propose(self, networks: Sequence[Network], count: int) -> list[int]:
        """The indices of the `count` networks to measure next, the most telling first: see `propose_next`."""
        return propose_next(self.chosen, self.networks, self._counted(networks), count)

    @cached_property
    def error(self) -> HeldOutError:
        """The error on all measured networks, each predicted by a predictor that never saw it.

        They are dealt into ten parts (five from 100 networks on), and all is learnt anew without each part.
        """
        return cross_validated(self.networks, np.array(self.ms), _mask(self.proposed, len(self.ms)))

    def _counted(self, networks: Sequence[Network]) -> list[Counts]:
        counted = counts_of(networks)
        check_alike(counted, self.networks[0])
        return counted

    def to_json(self) -> dict[str, Any]:
        """Plain JSON: what was measured and the key; reading it learns again, which gives the same predictor."""
        return {
            "version": VERSION,
            "key": self.key.to_json(),
            "ms": list(self.ms),
            "proposed": sorted(self.proposed),
            **networks_to_json(self.networks),
            "error": self.error.to_json(),
            "form": self.chosen.form,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], now: Key | None = None) -> Predictor:
        """The predictor that `to_json` wrote.

        With `now` raises `StaleCalibration` when its key differs. Raises `NasError` for anything `to_json` did not
        write.
        """
        version = data.get("version") if isinstance(data, Mapping) else None
        if version != VERSION:
            raise NasError(f"a calibration must be of version {VERSION}, but got {version!r}; calibrate anew")
        try:
            key, networks, ms = Key.from_json(data["key"]), networks_from_json(data), [float(x) for x in data["ms"]]
            proposed = [int(place) for place in data["proposed"]]
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise NasError(f"a calibration must be what `to_json` wrote, but reading it gave {error!r}") from error
        if now is not None:
            key.check(now)
        return cls.fit(networks, ms, key, proposed)

    def dumps(self) -> str:
        """`to_json` as text."""
        return json.dumps(self.to_json(), allow_nan=False, separators=(",", ":"))


def _mask(places: Iterable[int], n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=bool)
    mask[list(places)] = True
    return mask


def counts_of(networks: Sequence[Network]) -> list[Counts]:
    """The counts of networks: plans without costs, strings of digits, or counts as they are."""
    return [_count(network) for network in networks]


def _count(network: Network) -> Counts:
    match network:
        case Counts():
            return network
        case Plan():
            return count_plan(network)
        case str():
            return count_digits(network)
    raise NasError(f"a network must be Counts, a Plan or a string of digits, but got {type(network).__name__}")
