"""Ask, gate, report, tell: one Optuna study driven so that training time goes only to networks that can be in budget.

A runner takes candidates, reports each epoch and obeys the answer. Candidates are gated ahead in a thread, so that no
trainer waits; whatever a dead driver left running is gated again first and goes on under the same trial number.
"""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from optuna.trial import FrozenTrial

from nas.errors import NasError
from nas.search.feasible import FeasibleSet
from nas.search.gates import REPORTED, Gates, Measure, Price
from nas.search.goals import GoalError, Goals
from nas.search.halving import PAUSE, Halving, Outcome
from nas.search.history import went_on
from nas.search.intake import Intake, Known, make_supply
from nas.search.predicted import Forecaster
from nas.search.proposals import Proposals, SpaceProposals
from nas.search.replaying import ReplayingSampler
from nas.search.rungs import Rungs, Scheduling
from nas.search.stock import Stock, learn_again, take_stock
from nas.search.supply import Patience
from nas.search.tally import Progress, Tally
from nas.search.trials import Candidate, InTraining, end_trial, note_promoted, note_rungs
from nas.space.expression import MissingName
from nas.store import Results, State
from nas.store.record import GATES
from nas.store.storage import quiet, storage_errors

ONE_EPOCH = Rungs((1,))
PATIENCE = Patience()


class TooManyFailures(NasError):
    """Trials failed one after the other; the message has the first reason."""


class Engine:
    """One search (or one list of networks) in a results folder that is being driven.

    `proposals` say where networks come from, `price` and `measure` what they cost (see `Gates`), `objectives` and
    `budgets` what is wanted. `trials` networks enter training; those that a gate turns away do not count; a list of
    networks has a length of its own. `look_ahead` candidates are kept ready by a thread (0: gated when taken).
    `max_failures` failures in a row end the search. `predictor` learns from every measurement and turns away what is
    surely over a budget on latency (see `Gates`). `scheduling` says what becomes of a network at a rung: it is
    compared and perhaps stopped at once (`rungs`), or pauses until it is promoted (`promotions`), and `take` gives it
    out once more. With `extrapolate` a network is ended when its curve leaves it no hope (`learning_curves`).
    `admitted` is called, where gating is done, with each network that passed the gates, before it is ready to train.

    All methods may be called from any thread. Use as a context manager: entering reads what is there and takes up what
    a dead driver left. Errors of gating (`BudgetUnreachable`, `StoreError`, ...) are raised by `take`.
    """

    def __init__(
        self,
        results: Results,
        proposals: Proposals,
        *,
        price: Price,
        objectives: Iterable[str],
        measure: Measure | None = None,
        budgets: Iterable[str] = (),
        rungs: Rungs = ONE_EPOCH,
        scheduling: Scheduling = "stop",
        extrapolate: bool = False,
        trials: int = 1,
        seed: int = 0,
        look_ahead: int = 2,
        reported: Collection[str] = REPORTED,
        always_measure: bool = False,
        max_failures: int = 5,
        patience: Patience = PATIENCE,
        predictor: Forecaster | None = None,
        admitted: Callable[[Candidate], None] | None = None,
    ) -> None:
        self.results = results
        self.proposals = proposals
        self.rungs = rungs
        self.asked = trials
        constraints = proposals.space.cost_constraints if isinstance(proposals, SpaceProposals) else ()
        self.goals = Goals.parse(objectives, budgets, constraints)
        self.gates = Gates(
            self.goals, price, measure, reported=reported, always_measure=always_measure, predictor=predictor
        )
        self._seed = seed
        self._look_ahead = look_ahead
        self._max_failures = max_failures
        self._patience = patience
        self._admitted = admitted
        self._changed = threading.Condition()
        self._gating = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._error: BaseException | None = None
        self._tally = Tally(self.goals)
        self._halving = Halving(self.goals, rungs, scheduling, extrapolate)
        self._ready: deque[InTraining] = deque()
        self._running: dict[int, InTraining] = {}
        self._paused: dict[int, InTraining] = {}
        self._entered = 0
        self._given_up = False
        self._failures: list[str] = []
        self._resumed: deque[FrozenTrial] = deque()
        self._good: dict[int, Mapping[str, Any]] = {}

    # Beginning and end

    def __enter__(self) -> Self:
        known = Known()
        space = self.proposals.space if isinstance(self.proposals, SpaceProposals) else None
        self._feasible = FeasibleSet(space, self.gates, self._seed) if space is not None else None
        with quiet(), storage_errors():
            self._study = self.proposals.open(self.results, self.goals, self._feasible)
            most = self.asked if self.proposals.left is None else None
            stock = take_stock(self._study, self.results, self.proposals.role, self.gates, known, most)
        self._use(stock)
        if isinstance(self.proposals, SpaceProposals):
            learn_again(stock, self.proposals, self.gates)
        rng = random.Random(f"{self._seed}/{stock.trials}")
        spread = self.proposals.to_spread if isinstance(self.proposals, SpaceProposals) else range(0)
        supply = make_supply(self.proposals, self.gates, known, rng, self._patience, self._feasible, spread)
        self._intake = Intake(self._study, self.proposals, self.gates, self.results, self.rungs, known, supply)
        if self._halving.promotes:  # whom to promote can be told only when all who pause are known
            for _ in range(stock.begun):
                self._gate_once()
        self._tally.begin(len(self._paused))
        if self._look_ahead > 0:
            self._thread = threading.Thread(target=self._gate_ahead, name="gating", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop gating. What is in training or ready stays running in the storage, for the next driver to go on with."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _use(self, stock: Stock) -> None:
        """Count what is finished and queue what is not."""
        for past in stock.finished:
            self._tally.draw(*past.drawn)
            if not past.entered:
                if past.record.gate in GATES:
                    self._tally.reject(past.record.gate)
                continue
            self._entered += 1
            self._tally.end(past.record.state, foretold=bool(past.record.foretold))
            self._halving.remember(past.record.trial, past.curve(self.goals))
            if past.record.state == "complete":
                record = past.record
                self._note_complete(record.trial, record.arch_id, record.decisions, record.values, record.constraints)
        self._resumed.extend(stock.left)
        if self.proposals.left is None:
            self.asked = max(self.asked, self._entered + stock.begun)
        else:
            self.asked = self._entered + len(stock.left) + self.proposals.left

    # What a runner calls

    def take(self, wait: bool = False) -> Candidate | None:
        """The next candidate, None when none is ready now (with `wait`: when there will be none any more).

        A network that was promoted is given again, for its epochs up to the next rung. With nothing left to train those
        that still pause are told as pruned.
        """
        while True:
            with self._changed:
                if self._error is not None:
                    raise self._error
                if self._closed:
                    return None
                if (item := self._next_item()) is not None:
                    self._running[item.candidate.trial] = item
                    self._changed.notify_all()
                    break
                ending = self._no_more()
                if ending and not self._on_the_way():
                    return None
                stopped = self._stop_paused() if ending and not self._running else []
                if not stopped and (ending or self._thread is not None):
                    if not wait or self._thread is None:
                        return None
                    self._changed.wait(0.5)
                    continue
            if stopped:
                for item, outcome in stopped:
                    self._end(item, *outcome)
            else:
                self._gate_once()
        note_promoted(item)
        return item.candidate

    @property
    def drained(self) -> bool:
        """Whether `take` will never give another candidate."""
        with self._changed:
            return self._closed or (
                self._no_more() and not self._ready and not self._on_the_way() and self._error is None
            )

    @property
    def error(self) -> BaseException | None:
        """What gating or too many failures ran into; `take` raises it."""
        with self._changed:
            return self._error

    @property
    def finished(self) -> bool:
        """Whether all is done: nothing to give out, nothing in training."""
        with self._changed:
            return self._all_done()

    def report(self, trial: int, line: Mapping[str, Any]) -> bool:
        """Note one epoch of a trial (`epoch` from 1, `accuracy`, `loss`, `seconds`, ...) and say whether it goes on.

        A trial that is stopped, or was at its last epoch, is told at once; one that pauses may be taken again, and goes
        on from its checkpoint. What is reported of either meanwhile is ignored.
        """
        with self._changed:
            item = self._running.get(trial)
            if item is None or item.closing:
                return False
            self.results.append_curve(item.candidate.key, line)
            outcome = self._halving.advance(item, line, self._tally.front.values())
            item.closing = outcome is not None and outcome != PAUSE
        note_rungs(item)
        if outcome is None:
            note_promoted(item)
            return True
        if outcome == PAUSE:
            with self._changed:
                self._paused[trial] = self._running.pop(trial)
                self._changed.notify_all()
        else:
            self._end(item, *outcome)
        return False

    def finish(self, trial: int) -> None:
        """A trial's training ended by itself: complete with its last report, failed without any."""
        self._close_trial(trial, "complete", None)

    def fail(self, trial: int, reason: str) -> None:
        """A trial cannot be trained; the search goes on, unless too many failed in a row (`TooManyFailures`)."""
        self._close_trial(trial, "failed", reason)

    def progress(self, *, interrupted: bool = False) -> Progress:
        """How it stands now."""
        with self._changed:
            return self._tally.progress(
                self.proposals.role,
                self.asked,
                running=len(self._running),
                paused=len(self._paused),
                foretold=self._halving.foretold,
                ready=len(self._ready),
                finished=self._all_done(),
                interrupted=interrupted,
                note=self._note(),
                share=self._feasible.share if self._feasible is not None else None,
            )

    def _note(self) -> str:
        if self._feasible is not None and self._feasible.looking:
            return "looking for networks within the budgets"
        return self._intake.supply.note if self._given_up else ""

    # Training

    def _next_item(self) -> InTraining | None:
        """What trains next: a paused network that is promoted, else a new one that is ready. Holds the lock."""
        last = self._no_more() and not self._ready and not self._running
        trial = self._halving.promote(self._paused, last=last, prefer=self._prefer)
        if trial is not None:
            item = self._paused.pop(trial)
        elif self._ready:
            item = self._ready.popleft()
            self._entered += 1
        else:
            return None
        self._halving.aim(item)
        return item

    def _prefer(self, trials: Sequence[int]) -> int | None:
        """Which of these paused trials the sampler expects most of, None where it cannot tell."""
        sampler = self._study.sampler
        return sampler.promising(self._study, trials) if isinstance(sampler, ReplayingSampler) else None

    def _stop_paused(self) -> list[tuple[InTraining, Outcome]]:
        """Nothing will be trained any more: those that were never promoted, and how they end. Holds the lock."""
        stopped = [(item, self._halving.stopped(item)) for item in self._paused.values()]
        for item, _ in stopped:
            item.closing = True
            self._running[item.candidate.trial] = self._paused.pop(item.candidate.trial)
        return stopped

    def _on_the_way(self) -> bool:
        """Whether what has begun may still be given out again. Holds the lock."""
        return bool(self._paused) or (self._halving.promotes and bool(self._running))

    def _all_done(self) -> bool:
        """Whether nothing is left to give out or to come back. Holds the lock."""
        return self._no_more() and not (self._ready or self._running or self._paused)

    def _close_trial(self, trial: int, state: State, reason: str | None) -> None:
        with self._changed:
            item = self._running.get(trial)
            if item is None or item.closing:
                return
            item.closing = True
        if state == "complete" and item.epoch == 0:
            state, reason = "failed", "training ended without a report"
        self._end(item, state, reason)

    def _end(self, item: InTraining, state: State, reason: str | None) -> None:
        candidate = item.candidate
        values = dict(item.values)
        try:
            texts = [objective.text for objective in self.goals.objectives]
            values = dict(zip(texts, self.goals.values(values), strict=True)) | values
            constraints = dict(candidate.constraints) | self.goals.excesses(values, candidate.decisions)
        except (MissingName, GoalError) as error:
            constraints = dict(candidate.constraints)
            if state != "failed":
                state, reason = "failed", str(error)
        end = {
            "entered": True,
            "reason": reason,
            "rung": self._halving.passed(candidate.trial),
            "seconds": round(item.seconds, 3),
            "started": item.began,
            "drawn": item.drawn,
            "foretold": item.foretold.to_json() if item.foretold is not None else None,
        }
        with quiet():
            end_trial(
                self._study,
                item.trial,
                state,
                self.goals,
                values=values,
                constraints=constraints,
                end=end,
                epoch=item.epoch,
            )
        with self._changed:
            del self._running[candidate.trial]
            self._tally.end(state, foretold=item.foretold is not None)
            if state == "complete":
                self._note_complete(candidate.trial, candidate.arch_id, candidate.decisions, values, constraints)
            self._failures = [*self._failures, reason or ""] if state == "failed" else []
            if len(self._failures) >= self._max_failures and self._error is None:
                self._error = TooManyFailures(
                    f"training must work, but {len(self._failures)} trials failed one after the other; the first "
                    f"because: {self._failures[0]}"
                )
            self._changed.notify_all()

    def _note_complete(
        self,
        trial: int,
        arch_id: str,
        decisions: Mapping[str, Any],
        values: Mapping[str, float],
        constraints: Mapping[str, float],
    ) -> None:
        self._tally.complete(trial, arch_id, values, constraints)
        if trial in self._tally.front:
            self._good[trial] = decisions
            self._good = {number: self._good[number] for number in self._tally.front}

    # Gating

    def _gate_ahead(self) -> None:
        """The thread's work: keep candidates ready."""
        while True:
            with self._changed:
                while not self._closed and (len(self._ready) >= self._look_ahead or self._no_more()):
                    self._changed.wait()
                if self._closed:
                    return
            self._gate_once()
            with self._changed:
                if self._error is not None:
                    return

    def _no_more(self) -> bool:
        """Whether no further candidate will be made ready. Holds the lock."""
        return self._given_up or self._entered + len(self._ready) >= self.asked

    def _gate_once(self) -> None:
        """One step of gating; an error is kept for `take`."""
        with self._gating:
            try:
                with quiet(), storage_errors():
                    self._gate_next()
            except BaseException as error:  # whatever it is, the runner's thread must hear of it
                with self._changed:
                    self._error = error
                    self._changed.notify_all()

    def _gate_next(self) -> None:
        resumed = self._resumed.popleft() if self._resumed else None
        with self._changed:
            # Until one is complete, those in training: they too show where the budgets are met.
            begun = (*self._running.values(), *self._paused.values(), *self._ready)
            good = list(self._good.values()) or [item.candidate.decisions for item in begun]
            any_passed = self._entered > 0 or bool(self._ready)
        step = self._intake.resume(resumed) if resumed is not None else self._intake.step(good, any_passed)
        if step.item is not None and self._admitted is not None:
            self._admitted(step.item.candidate)
        outcome = None
        with self._changed:
            if step.item is not None:
                outcome = self._admit(step.item, resumed)
            elif step.gate is None:
                self._given_up = True
            elif step.gate != "dropped":
                self._tally.reject(step.gate)
            self._tally.draw(step.drawn, step.independent)
            self._changed.notify_all()
        if step.item is not None:
            note_rungs(step.item)
        if outcome is not None and step.item is not None:
            self._end(step.item, *outcome)

    def _admit(self, item: InTraining, resumed: FrozenTrial | None) -> Outcome | None:
        """Make a candidate ready; how it ends if it had reached its end before its driver died. Holds the lock."""
        trial, outcome = item.candidate.trial, None
        for line in self.results.curve(item.candidate.key) if resumed is not None else ():
            outcome = self._halving.advance(item, line, self._tally.front.values())
            if outcome is not None and outcome != PAUSE:
                item.closing = True
                self._running[trial] = item
                self._entered += 1
                return outcome
        if outcome == PAUSE and resumed is not None and went_on(resumed):
            self._halving.go_on(trial)
            outcome = None
        if outcome == PAUSE:
            self._paused[trial] = item
            self._entered += 1
        else:
            self._ready.append(item)
        return None
