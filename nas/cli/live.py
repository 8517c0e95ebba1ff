"""Live progress of a study on standard error: done of asked, best in budget, front, gates, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.cli.console import err

# Seconds between lines where standard error is no terminal (a log file).
LOG_EVERY_S = 15.0


class LiveProgress:
    """Shows the latest `Progress`: redrawn in place on a terminal, a line now and then in a log."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._live = Live(console=err, refresh_per_second=4, transient=False) if err.is_terminal else None
        self._done: dict[str, RenderableType] = {}
        self._logged = 0.0
        self._said = ""

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        else:
            err.print(self._title, highlight=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def update(self, progress: Any) -> None:
        """Show how a step of the study stands now."""
        if self._live:
            self._done[progress.role] = _rows(progress)
            self._live.update(Group(Text(self._title, style="bold"), *self._done.values()))
        elif progress.finished or time.monotonic() - self._logged > LOG_EVERY_S:
            text = f"{progress.role}s {line(progress)}"
            if text != self._said:
                self._logged, self._said = time.monotonic(), text
                err.print(text, highlight=False, soft_wrap=True)


@contextmanager
def counting(noun: str) -> Iterator[Callable[[int, int], None]]:
    """What it gives is told how many of how many are done: shown in place on a terminal, now and then in a log."""
    status = err.status(f"{noun} ...") if err.is_terminal else None
    logged = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal logged
        if status:
            status.update(f"{noun} {done} of {of}")
        elif done == of or time.monotonic() - logged > LOG_EVERY_S:
            logged = time.monotonic()
            err.print(f"{noun} {done} of {of}", highlight=False)

    if status is None:
        yield tell
        return
    with status:
        yield tell


def _rows(progress: Any) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    bar = ProgressBar(total=max(1, progress.asked), completed=progress.done, width=24)
    table.add_row(Text(f"{progress.role}s", style="cyan"), bar, line(progress))
    return table


def line(progress: Any) -> str:
    """One line with everything a person waits for."""
    parts = [f"{progress.done}/{progress.asked} trained"]
    if progress.paused:
        parts.append(f"{progress.paused} wait at a rung")
    if progress.pruned:
        parts.append(f"{progress.pruned} stopped early")
    if progress.foretold is not None:
        known = f"{progress.foretold.correlation:.2f} over {progress.foretold.curves}"
        used = f"{progress.hopeless} ended" if progress.foretold.reliable else "not used"
        parts.append(f"learning curves: rank correlation {known}, {used}")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    parts += [f"best {name} {best.value:.4g}" for name, best in progress.best.items()]
    if progress.front_size:
        parts.append(f"front {progress.front_size}")
    if progress.rejected:
        parts.append("rejected " + " ".join(f"{gate} {count}" for gate, count in progress.rejected.items()))
    if progress.independent:
        parts.append(f"{progress.independent / progress.drawn:.0%} of decisions fell back to chance")
    if progress.share is not None and progress.share.value < 0.5:
        parts.append(progress.share.brief)
    if progress.finished:
        parts.append(f"done in {duration(progress.elapsed_s)}")
    elif progress.interrupted:
        parts.append("interrupted")
    elif progress.eta_s is not None:
        parts.append(f"about {duration(progress.eta_s)} left")
    if progress.note:
        parts.append(progress.note)
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 3 min 10 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
