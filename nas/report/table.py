"""The table that a search ends with, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nas.report.aims import Aims, bounds_of, read_aims
from nas.report.standing import Standing, best_baseline, standings, unlisted
from nas.report.words import axis_label, bare, budgets_text, difference, kind_of, network, quantity
from nas.store.record import Record

if TYPE_CHECKING:
    from rich.table import Table

_HEADS = {"params": "params", "test_accuracy": "test (%)"}
_STYLES = {"best": "bold green", "finalist": "", "front": "", "baseline": "dim"}


def summary_table(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> Table:
    """The best network, the finalists, the head of the front and the baselines, one row each, best first.

    Columns: network, each objective, latency with half the width of its interval, MACs, parameters, epochs where they
    differ, inside the budget or not, difference of the first objective to the best baseline, which the caption names.
    It also says how many networks of the front are not listed, and where they are.
    Intervals of accuracies are in the verdict and the report, where there is room.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    aims = read_aims(study)
    names = columns(records, aims)
    known = best_baseline(records, aims)
    rows = standings(records, aims)
    epochs = unequal_epochs(rows)
    title = Text(f"{aims.name}: {budgets_text(aims) or 'no budget'}")
    more = unlisted(records, aims, rows)
    others = f"and {more} more on the front: see report.html, front.json" if more else ""
    caption = Text("\n".join(filter(None, (others, against_text(known, rows)))))
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("", no_wrap=True)
    table.add_column("network", overflow="fold", min_width=10)
    for name in names:
        table.add_column(_HEADS.get(name) or axis_label(name), justify="right", no_wrap=True)
    if epochs:
        table.add_column("epochs", no_wrap=True, justify="right")
    table.add_column("in budget", overflow="fold", min_width=7)
    table.add_column("against", no_wrap=True, justify="right")
    for row in rows:
        cells = [row.kind, place(row.record), *(measured(row.record, name, aims) for name in names)]
        cells += [str(row.record.epochs)] if epochs else []
        cells += [row.inside, gap(row, aims).removesuffix(" points")]
        table.add_row(*(Text(cell) for cell in cells), style=_STYLES[row.kind])
    return table


def unequal_epochs(rows: Sequence[Standing]) -> bool:
    """Whether some of the networks were trained for longer than others, which a reader has to see."""
    return len({row.record.epochs for row in rows if row.record.curve}) > 1


def against_text(known: Record | None, rows: Sequence[Standing]) -> str:
    """What the last column compares with, and why some of it is empty."""
    if known is None:
        return ""
    text = f"against: compared with {network(known)}, the best baseline"
    others = any(row.against is None and row.record is not known for row in rows)
    return text + (", at equal epochs only" if others else "")


def columns(records: Sequence[Record], aims: Aims) -> list[str]:
    """The values worth a column, where any record has them: objectives, latency, budgets, MACs and parameters."""
    budgeted = [b.name for b in aims.budgets if b.name]
    objectives = [o.name for o in aims.objectives]
    wanted = [aims.first.name, "test_accuracy", *objectives, "latency_ms", *budgeted, "macs", "params"]
    return [n for n in dict.fromkeys(wanted) if n == aims.first.name or any(n in r.values for r in records)]


def place(record: Record) -> str:
    """The name of a baseline, else the trial where the network was found."""
    return network(record).removesuffix(", retrained")


def measured(record: Record, name: str, aims: Aims) -> str:
    """A value without its unit; latency with half the width of its interval, and `?` where it is not to be trusted."""
    value, bounds = aims.value(record, name), bounds_of(record, name)
    if value is None:
        return quantity(name, None)
    text = bare(name, value)
    if bounds and kind_of(name) != "share":
        half = (bounds[1] - bounds[0]) / 2
        decimals = len(text.partition(".")[2])
        text += f" ±{half:.{decimals}f}"
    return text + (" ?" if name == "latency_ms" and not trusted(record) else "")


def trusted(record: Record) -> bool:
    """Whether the latency converged undisturbed; true where none was measured."""
    return record.latency is None or bool(record.latency.get("trusted", True))


def gap(row: Standing, aims: Aims) -> str:
    """The difference to the best baseline; empty for itself and where there is none."""
    return "" if row.against is None else difference(aims.first.name, row.against)
