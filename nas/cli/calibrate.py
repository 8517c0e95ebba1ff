"""The command that calibrates a latency predictor for a space on a device."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nas.cli.console import JsonOption, err, out, print_json, si
from nas.cli.live import LOG_EVERY_S, duration
from nas.cli.networks import AddressOption
from nas.cli.spaces import FileArgument
from nas.cli.stopping import stoppable


def calibrate(
    file: FileArgument,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or a device file.")] = "cpu",
    networks: Annotated[int, typer.Option(min=10, help="Networks to measure and learn from.")] = 150,
    hold_out: Annotated[int, typer.Option(min=0, help="Networks to measure and test on.")] = 100,
    blocks: Annotated[int, typer.Option(min=0, help="Blocks to measure alone first; predictions start there.")] = 100,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="Stop measuring after so long.")] = None,
    resolution: Annotated[int | None, typer.Option(min=1, help="Input size in pixels, instead of the file's.")] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Classes, instead of the file's.")] = None,
    channels: Annotated[int | None, typer.Option(min=1, help="Input channels, instead of the file's.")] = None,
    address: AddressOption = None,
    budget_ms: Annotated[float | None, typer.Option(help="Fail if no network found is as fast as this.")] = None,
    seed: Annotated[int, typer.Option(help="Of the networks that are drawn.")] = 0,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write here instead of the user's data folder.", metavar="FILE")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Forget what was measured before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be measured and about how long; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Learn to predict the latency of a space's networks on a device, from some that are measured.

    Searches of that space on that device then reject by prediction what is surely over their latency budgets.
    """
    from contextlib import nullcontext

    from nas.errors import NasError
    from nas.measure.alone import BUILDER, QUICK
    from nas.study.calibrate import Wanted, calibrate, check_budget
    from nas.study.calibrate import estimate as estimate_calibration
    from nas.study.calibrations import file_for
    from nas.study.config import named_device
    from nas.study.meters import check_address, open_meter
    from nas.study.spaces import open_space

    if budget_ms is not None and not 0 < budget_ms < math.inf:
        raise NasError(f"--budget-ms must be a positive number of milliseconds, but got {budget_ms:g}")
    target = named_device(device)
    check_address(target, address)
    space = open_space(file, classes=classes, channels=channels, resolution=resolution)
    seconds = None if minutes is None else 60 * minutes
    wanted = Wanted(
        space, target, networks=networks, hold_out=hold_out, blocks=blocks, seconds=seconds, seed=seed, anew=anew
    )
    path = out_file or file_for(space, target)
    alone = open_meter(target, QUICK, address=address, builder=BUILDER) if blocks else nullcontext()
    with open_meter(target, wanted.procedure, address=address) as meter, alone as block_meter:
        if dry_run:
            err.print("drawing networks and measuring a few ...")
            found = estimate_calibration(wanted, meter, path, block_meter)
            print_json(found) if as_json else _print_estimate(found)
            return
        try:
            with stoppable(), _Shown(f"calibrating {space.name} on {target.name} -> {path}") as shown:
                done = calibrate(wanted, meter, path, shown.update, block_meter)
        except KeyboardInterrupt:
            err.print(
                f"interrupted; all measurements are kept beside {path}. Go on with the same command.", soft_wrap=True
            )
            raise
        document = done.to_json()
        print_json(document) if as_json else _print(document)
        if budget_ms is not None:
            check_budget(done, wanted, meter, budget_ms)


class _Shown:
    """Shows how far it is: one line redrawn on a terminal, a line now and then in a log."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._live = Live(console=err, refresh_per_second=4, transient=False) if err.is_terminal else None
        self._logged = 0.0

    def __enter__(self) -> _Shown:
        err.print(self._title, highlight=False, soft_wrap=True)
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, standing: Any) -> None:
        text = line(standing)
        if self._live:
            self._live.update(Text(text))
        elif standing.finished or time.monotonic() - self._logged > LOG_EVERY_S:
            self._logged = time.monotonic()
            err.print(text, highlight=False, soft_wrap=True)


def line(standing: Any) -> str:
    """One line with everything a person waits for."""
    if standing.timed < standing.blocks and not standing.learnt:
        return f"{standing.timed}/{standing.blocks} blocks measured alone"
    parts = [f"{standing.learnt}/{standing.networks} measured to learn from"]
    if standing.hold_out or standing.tested:
        parts.append(f"{standing.tested}/{standing.hold_out} to test on")
    if standing.not_trusted:
        parts.append(f"{standing.not_trusted} not trusted ({standing.left_out} left out)")
    if standing.failed:
        parts.append(f"{standing.failed} could not be measured")
    if standing.error is not None:
        parts.append(f"so far {standing.error.within10:.0%} within 10%")
    if standing.finished:
        parts.append(f"done in {duration(standing.elapsed_s)}")
    elif standing.eta_s is not None:
        parts.append(f"about {duration(standing.eta_s)} left")
    return " · ".join(parts)


def _print(document: dict[str, Any]) -> None:
    table = Table(title=f"{document['space']} on {document['device']}", title_justify="left")
    table.add_column("predicted")
    for column in ("networks", "Spearman", "within 5%", "within 10%", "in their 90% interval"):
        table.add_column(column, justify="right")
    for name, key in (("networks held out", "held_out"), ("all, cross-validated", "cross_validated")):
        if found := document[key]:
            shares = (f"{found[share]:.0%}" for share in ("within5", "within10", "coverage90"))
            rank = "-" if found["spearman"] is None else f"{found['spearman']:.3f}"
            table.add_row(name, str(found["n"]), rank, *shares)
    out.print(table)
    low, high = document["range_ms"]
    out.print(
        f"{document['learnt']} networks learnt from, {document['tested']} held out, {low:.3g} to {high:.3g} ms; "
        f"{document['not_trusted']} measurements not trusted, {document['left_out']} of them too wide to learn from",
        highlight=False,
        soft_wrap=True,
    )
    fastest = document["fastest"]
    out.print(f"fastest {fastest['arch_id']} with {fastest['ms']:.4g} ms", highlight=False)
    out.print(f"calibration {document['file']}", highlight=False, soft_wrap=True)


def _print_estimate(found: dict[str, Any]) -> None:
    table = Table(title="what would be measured", title_justify="left", show_header=False)
    for name, value in found.items():
        if name == "macs":
            value = f"{si(value[0])} to {si(value[1])}"
        elif name == "estimated_seconds":
            name, value = "estimated time", f"about {duration(value)}"
        elif isinstance(value, float):
            value = f"{value:.3g}"
        table.add_row(name.replace("_", " "), str(value))
    out.print(table)
