"""Draws from the networks that are within all budgets known before a measurement, however rare these are.

Where many draws are within the budgets, others are drawn again, which is exact. Else splitting finds a hundred that are
(`nas.search.splitting`), and each draw is one of these after some more steps of a walk that stays within the budgets
(`nas.search.moves`). Either way each answer is as probable as in a draw at random that happens to be within them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

from nas.errors import BudgetUnreachable, InvalidArchitecture, NasError
from nas.search.descent import descend
from nas.search.gates import Gates
from nas.search.moves import Moves
from nas.search.priced import Priced, price
from nas.search.share import Share
from nas.search.spaces import Space
from nas.search.splitting import Walker, split
from nas.search.unreachable import explain, scaled

_FIRST, _MOST = 100, 400  # draws that are looked at before anything is known of the share
_FOUND = 20  # of them within the budgets are enough to stop at
_DRAWN_AGAIN = 0.05  # share from which on others are drawn again
_DESCENT_S = 20.0
_POOL = 100  # networks that walk
_STEPS = 16  # between two draws of one of them


class FeasibleSet:
    """The networks of a space that can be built and that costs and the predictor do not turn away.

    What the predictor knows grows: what it turns away later is left out then. `seed` decides the first draws;
    `seconds` bounds the search for the first networks within. Not thread-safe.
    """

    def __init__(self, space: Space, gates: Gates, seed: int | str = 0, *, seconds: float = 60.0) -> None:
        self.space = space
        self.gates = gates
        self.moves = Moves(space)
        self.share: Share | None = None  # None until something was drawn
        self.looking = False  # now, for the first time, which may take a while
        self.known: list[Priced] = []  # draws, those of the beginning, or the pool that walks
        self.seed = seed
        self._seconds = seconds
        self._walks = False
        self._foresees = True  # whether the predictor has a say
        self._buildable = True  # whether free draws can be built often enough
        self._turn = 0

    def draw(self, rng: random.Random) -> Priced:
        """One of them. Raises `BudgetUnreachable` where none is found, `NasError` where nothing can be built."""
        self.look()
        if not self._walks:
            for _ in range(round(20 / _DRAWN_AGAIN)):
                priced = self.price(self._free(rng))
                if priced is not None and self.within(priced):
                    return priced
            self._look()  # the predictor turns away what it did not
        for _ in self.known:
            if (priced := self._walked(rng)) is not None:
                return priced
        self._look()
        return self._walked(rng) or rng.choice(self.known)

    def price(self, decisions: Mapping[str, Any]) -> Priced | None:
        """What is known of a network, None when it cannot be built."""
        return price(self.space, self.gates, decisions)

    def allows(self, decisions: Mapping[str, Any]) -> bool:
        """Whether a network is one of them."""
        priced = self.price(decisions)
        return priced is not None and self.within(priced)

    def within(self, priced: Priced) -> bool:
        """Whether a network that can be built is one of them."""
        return priced.within if self._foresees else priced.feasible

    def walker(self) -> Walker:
        """What walks without leaving the budgets: none of its steps is worse than level 0."""
        return Walker(self.moves, self.price, lambda priced: 0.0 if self.within(priced) else 1.0)

    def look(self, known: Sequence[Mapping[str, Any]] = ()) -> Share:
        """How rare they are; at first that, and networks to start from, have to be found. Raises as `draw`.

        `known` are decisions that were within the budgets before, in case that no other way leads there.
        """
        if self.share is None:
            self.looking = True
            try:
                self._look(known)
            finally:
                self.looking = False
        assert self.share is not None
        return self.share

    def _look(self, known: Sequence[Mapping[str, Any]] = ()) -> None:
        rng = random.Random(f"{self.seed}/feasible/{self._turn}")
        deadline = time.monotonic() + self._seconds
        built, drawn = self._look_around(rng, deadline)
        found = [priced for priced in built if self.within(priced)]
        named = [key for p in built for key in (*p.excesses, *(p.foreseen if self._foresees else ()))]
        budgets = list(dict.fromkeys(named))
        self._walks = len(found) / drawn < _DRAWN_AGAIN
        if not self._walks:
            self.known, self.share = found, Share.counted(len(found), drawn, budgets)
            return
        violation = scaled(built)(budgets)
        walker = Walker(self.moves, self.price, violation)
        rare = split(built, drawn, walker, rng, size=_POOL, deadline=deadline)
        if rare.reached:
            self.known = list(rare.reached)
            self.share = Share.split(rare.share, rare.variance, drawn + rare.looked_at, budgets)
            return
        near = [rare.nearest, *(priced for decisions in known if (priced := self.price(decisions)) is not None)]
        deadline = time.monotonic() + _DESCENT_S
        nearest = descend(self.space, self.gates, min(near, key=violation), lambda p: (violation(p), p.size), deadline)
        if self.within(nearest):
            self.known = [walker.walk(nearest, 0.0, rng, 4 * len(self.moves)) for _ in range(_POOL)]
            self.share = Share.counted(0, drawn, budgets)
        elif self._foresees and any(priced.foreseen for priced in (*built, nearest)):
            self._foresees = False  # a forecast alone ends no search: what it says of all networks is to be measured
            self._look(known)
        elif self.share is None:
            looked_at = drawn + rare.looked_at
            raise BudgetUnreachable(explain(self.space, self.gates, [*built, rare.nearest, nearest], looked_at))

    def _look_around(self, rng: random.Random, deadline: float) -> tuple[list[Priced], int]:
        """The first draws that can be built, and how many there were in all."""
        for self._buildable in (True, False):
            built: list[Priced] = []
            for drawn in range(1, _MOST + 1):
                priced = self.price(self._free(rng))
                if priced is not None:
                    built.append(priced)
                if drawn % _FIRST == 0 and sum(self.within(p) for p in built) >= _FOUND:
                    break
                if time.monotonic() > deadline and built:
                    break
            if len(built) >= _FOUND or (built and not self._buildable):
                return built, drawn
        raise NasError(
            f"some network of the space must be buildable, but none of {drawn} samples was: {self._why(rng)}"
        )

    def _why(self, rng: random.Random) -> str:
        try:
            self.space.decode(self.space.sample(rng))
        except InvalidArchitecture as error:
            return str(error)
        return "its costs cannot be told"

    def _free(self, rng: random.Random) -> dict[str, Any]:
        """A draw that knows no budgets. Where structure leaves hardly any free draw, one that structure allows."""
        return self.moves.draw(rng) if self._buildable else self.space.sample(rng)

    def _walked(self, rng: random.Random) -> Priced | None:
        """The next network of the pool, some steps on; None where the predictor turns it away by now."""
        self._turn += 1
        at = self._turn % len(self.known)
        here = self.price(self.known[at].decisions)
        if here is None or not self.within(here):
            return None
        self.known[at] = self.walker().walk(here, 0.0, rng, _STEPS)
        return self.known[at]
