"""Commands about scaling: a ladder from a network, and what scaling is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from nas.cli.console import JsonOption, err, out, print_json, si
from nas.cli.live import LiveProgress, duration
from nas.cli.networks import AddressOption, BatchOption, NetworkArgument, ThreadsOption
from nas.cli.stopping import stoppable
from nas.cli.studies import OutOption, StudyFile, StudyFolder

if TYPE_CHECKING:
    from nas.study.run import OnProgress
    from nas.study.scaling_run import Planned

DataOption = Annotated[Path | None, typer.Option(help="The data set's file or folder.", metavar="PATH")]
GpusOption = Annotated[int | None, typer.Option(min=1, help="Train on so many GPUs, one trial each.")]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Check everything, show what would be trained and about how long; write nothing."),
]

app = typer.Typer(help="Scale a network up or down, and find out what that is worth.", no_args_is_help=True)


@app.command()
def apply(
    network: NetworkArgument,
    phi: Annotated[
        str | None, typer.Option(help="How far: 0..7, 0..3..0.5 or 0,1,2; 2^phi times the MACs.", metavar="PHI")
    ] = None,
    macs: Annotated[float | None, typer.Option(min=1, help="The largest with at most so many MACs: 2e9.")] = None,
    latency_ms: Annotated[
        float | None, typer.Option(min=0, help="The largest with at most this latency on --device.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(help="formula, published, depth, width, resolution, fast, regnet or vit."),
    ] = "formula",
    alpha: Annotated[float, typer.Option(help="Depth at phi 1, for formula.")] = 1.2,
    beta: Annotated[float, typer.Option(help="Width at phi 1, for formula.")] = 1.1,
    gamma: Annotated[float, typer.Option(help="Resolution at phi 1, for formula.")] = 1.15,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of width in the MACs, for fast and regnet.")] = 0.8,
    rounding: Annotated[
        str | None, typer.Option(help="efficientnet, fast or nearest; without it the method's own.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(help="Published factors for any network: efficientnet or efficientnet_lite.")
    ] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Classes, instead of the file's.")] = None,
    resolution: Annotated[int | None, typer.Option(min=1, help="Input size at phi 0, instead of the file's.")] = None,
    device: Annotated[str | None, typer.Option(help="Measure every rung on this device.")] = None,
    runtime: Annotated[str | None, typer.Option(help="How the networks are run there.")] = None,
    threads: ThreadsOption = None,
    batch: BatchOption = None,
    address: AddressOption = None,
    write: Annotated[
        Path | None, typer.Option(help="Write every rung as YAML to this folder.", metavar="FOLDER")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Scale a network to a ladder, or to the largest within MACs or a latency.

    nas scale apply zoo/efficientnet_b0 --phi 0..7 --method published

    nas scale apply zoo/resnet18 --latency-ms 8 --device cpu --write ladder/
    """
    from nas.errors import NasError
    from nas.scale import ALPHA, BETA, FAST, GAMMA, Options
    from nas.scale import method as way
    from nas.study.config import changed_device
    from nas.study.ladder import PUBLISHED, Rising, Target, ladder_rows, read_phis
    from nas.study.networks import find_network

    taken = ("alpha", "beta", "gamma") if method == PUBLISHED else way(method).takes
    asked = {"alpha": (alpha, ALPHA), "beta": (beta, BETA), "gamma": (gamma, GAMMA), "share": (share, FAST)}
    for name, (value, usual) in asked.items():
        if value != usual and name not in taken:
            raise NasError(f"--{name} says nothing to the method {method}; leave it out, or take another --method")
    if table is not None and method != PUBLISHED:
        raise NasError(f"--table is of --method published, but the method is {method}; leave it out, or name that one")
    goals = {"--phi": phi, "--macs": macs, "--latency-ms": latency_ms}
    wanted = [name for name, value in goals.items() if value is not None]
    if len(wanted) != 1:
        raise NasError(f"give one of --phi, --macs and --latency-ms, but got {' and '.join(wanted) or 'none'}")
    changes = {"runtime": runtime, "threads": threads, "batch": batch}
    if device is None and latency_ms is not None:
        device = "cpu"
    given = {name: value for name, value in changes.items() if value is not None}
    if device is None and given:
        raise NasError(f"--{next(iter(given))} says how rungs are measured: give --device too")
    plan = find_network(network, classes=classes, resolution=resolution, resolution_from="--resolution")
    rising = Rising(plan, method, Options(alpha, beta, gamma, share, rounding), table)
    rows = ladder_rows(
        rising,
        read_phis(phi, "--phi") if phi is not None else [],
        Target(macs, latency_ms),
        device=changed_device(device, changes) if device else None,
        address=address,
        folder=write,
        on_row=lambda row: None if as_json else err.print(f"{row['name']}: {si(row['macs'])} MACs", highlight=False),
    )
    print_json(rows) if as_json else _print_ladder(rows)


@app.command()
def grid(
    study: StudyFile,
    out_folder: OutOption = None,
    data: DataOption = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings of each network, instead of the file's.")] = None,
    gpus: GpusOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a network for every (alpha, beta, gamma) of a grid, and say which triple wins and whether that is noise."""
    from nas.study.config import read_study_as
    from nas.study.scaling_config import GridStudy
    from nas.study.scaling_networks import grid_entries
    from nas.study.scaling_run import Planned, open_base

    config = read_study_as(GridStudy, study, _overrides(data, gpus, dry_run=dry_run) | {"grid.seeds": seeds})
    opened, base = open_base(config)
    entries = config.told_at(["grid"], lambda: grid_entries(base, config.grid))
    _run(Planned(opened, base, entries, config.grid.seeds, "grid"), out_folder, dry_run, as_json)


@app.command()
def compare(
    network: NetworkArgument,
    study: Annotated[
        str, typer.Option("--study", help="Data, recipe and device: a study's YAML file or a shipped name.")
    ] = "scaling",
    out_folder: OutOption = None,
    data: DataOption = None,
    factors: Annotated[
        str | None, typer.Option(help="Times the base's MACs and latency, such as 2,4, instead of the study's.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="What is equal: macs, latency or macs,latency.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Trainings of each network, instead of the study's.")] = None,
    device: Annotated[str | None, typer.Option(help="Where latency counts, instead of the study's.")] = None,
    gpus: GpusOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compare depth, width, resolution, compound and fast scaling of a network at equal MACs and equal latency."""
    from nas.study.config import read_study_as
    from nas.study.ladder import read_phis
    from nas.study.scaling_config import CompareStudy
    from nas.study.scaling_run import open_base, planned_comparison

    changes = {
        "compare.factors": None if factors is None else read_phis(factors, "--factors"),
        "compare.at": None if at is None else at.split(","),
        "compare.seeds": seeds,
        "device": device,
        "name": f"scaling_{network.rpartition('/')[2].removesuffix('.yaml').replace(':', '_')}",
    }
    config = read_study_as(CompareStudy, study, _overrides(data, gpus, dry_run=dry_run) | changes)
    opened, base = open_base(config, network)
    err.print("scaling the network, and measuring it where latency must be equal ...")
    _run(planned_comparison(opened, base, config.compare), out_folder, dry_run, as_json)


@app.command()
def fit(
    studies: Annotated[
        list[str],
        typer.Argument(help="Results folders, or names of studies; the first is predicted for.", metavar="STUDY..."),
    ],
    against: Annotated[str, typer.Option(help="macs, params, latency_ms or images (several studies).")] = "macs",
    of: Annotated[str, typer.Option(help="accuracy (its error) or loss.")] = "accuracy",
    macs: Annotated[float | None, typer.Option(min=1, help="Predict the best network within so many MACs.")] = None,
    latency_ms: Annotated[
        float | None, typer.Option(min=0, help="Predict the best network within this latency, measured.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="The device that --latency-ms is for, instead of the study's.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Train the predicted network and set it beside.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of the predicted network.")] = 2,
    data: DataOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit power laws to what studies have trained, predict the best factors for a budget, and check that."""
    from nas.errors import NasError
    from nas.study.config import named_device
    from nas.study.results import open_results
    from nas.study.scaling_fit import error_kind, size_kind
    from nas.study.scaling_report import checked, fit_document, predicted, reopened, write_fit

    if macs is not None and latency_ms is not None:
        raise NasError("give one of --macs and --latency-ms, but got both")
    if check and macs is None and latency_ms is None:
        raise NasError("--check trains the network predicted for a budget: give --macs or --latency-ms too")
    if device is not None and latency_ms is None:
        raise NasError("--device is where the network predicted for a latency is measured: give --latency-ms too")
    opened = [open_results(name) for name in studies]
    document = fit_document(opened, size_kind(against), error_kind(of))
    if macs is not None or latency_ms is not None:
        study = reopened(opened[0], _overrides(data, gpus))
        target = named_device(device) if device is not None else None
        found, said = predicted(study, opened[0], macs=macs, latency_ms=latency_ms, device=target)
        document["predicted"] = found.to_json()
        document["said"].append(said)
        if check:
            with stoppable(), LiveProgress(f"{study.config.name} -> {opened[0].folder}") as live:
                document["predicted"], said = checked(study, opened[0], found, seeds, live.update)
            document["said"].append(said)
        if (against == "macs" and macs is not None) or (against == "latency_ms" and latency_ms is not None):
            document["law"]["predicted"] = document["predicted"]
    page = write_fit(opened[0].folder, document)
    if as_json:
        print_json(document)
        return
    for sentence in document["said"]:
        out.print(sentence, highlight=False, markup=False)
    out.print(f"report {page}", highlight=False)


@app.command()
def up(
    study: StudyFolder,
    phi: Annotated[float, typer.Option(help="How far each network is scaled: 2^phi times its MACs.")] = 1.0,
    method: Annotated[str, typer.Option(help="formula, depth, width, resolution, fast, regnet or vit.")] = "formula",
    sample: Annotated[int, typer.Option(min=4, help="Networks of the search, from the best to the worst.")] = 8,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each scaled network.")] = 1,
    out_folder: OutOption = None,
    data: DataOption = None,
    gpus: GpusOption = None,
    as_json: JsonOption = False,
) -> None:
    """Scale networks of a finished search up, train them, and say whether the small ones' order survives."""
    from nas.study.open import results_folder
    from nas.study.results import open_results
    from nas.study.scaling_up import chosen, reopened, run_up, scaled_up

    results = open_results(study)
    pairs = scaled_up(results, chosen(results, sample), method, phi)
    opened = reopened(results, _overrides(data, gpus))
    folder = results_folder(opened.config, out_folder)
    _train(opened.config.name, folder, lambda tell: run_up(opened, folder, pairs, seeds, tell), as_json)


def _overrides(data: Path | None, gpus: int | None, *, dry_run: bool = False) -> dict[str, Any]:
    """What the options change in a study: with GPUs, as many trials at a time as there are, one each."""
    changes: dict[str, Any] = {"data.path": str(data.resolve()) if data else None}
    if gpus and dry_run and not _has_gpu():
        err.print(f"no CUDA device here: the time is what {gpus} processors like this one would take")
        return changes | {"run.concurrent": gpus}
    return changes | ({"run.gpus": 1, "run.concurrent": gpus} if gpus else {})


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _run(planned: Planned, out_folder: Path | None, dry_run: bool, as_json: bool) -> None:
    from nas.study.open import results_folder
    from nas.study.scaling_run import estimated, run_scaling

    folder = results_folder(planned.study.config, out_folder)
    if dry_run:
        err.print("trying the base for some seconds ...")
        plan = estimated(planned, folder)
        print_json(plan) if as_json else _print_plan(plan)
        return
    _train(planned.study.config.name, folder, lambda tell: run_scaling(planned, folder, tell), as_json)


def _train(name: str, folder: Path, run: Callable[[OnProgress], dict[str, Any]], as_json: bool) -> None:
    """Run what trains, with its progress, and print the document that it gives."""
    try:
        with stoppable(), LiveProgress(f"{name} -> {folder}") as live:
            document = run(live.update)
    except KeyboardInterrupt:
        err.print(f"interrupted; everything finished is kept in {folder}. Go on with the same command.", soft_wrap=True)
        raise
    if as_json:
        print_json(document)
        return
    _print_rows(document["rows"], document.get("best"), document.get("tied") or ())
    for sentence in document["said"]:
        out.print(sentence, highlight=False, markup=False)
    out.print(f"report {folder / 'scaling.html'}", highlight=False)


def _print_plan(plan: dict[str, Any]) -> None:
    _print_rows(plan["networks"])
    for name, value in plan.items():
        if name not in ("networks", "estimated_seconds"):
            shown = f"{value:.4g}" if isinstance(value, float) else value
            out.print(f"{name.replace('_', ' ')}: {shown}", highlight=False, markup=False)
    out.print(f"estimated time: about {duration(plan['estimated_seconds'])}", highlight=False)


def _print_rows(rows: list[dict[str, Any]], best: str | None = None, tied: Sequence[str] = ()) -> None:
    table = Table(title_justify="left")
    table.add_column("network")
    for column in ("depth", "width", "pixels", "params", "MACs"):
        table.add_column(column, justify="right", no_wrap=True)
    trained = any("accuracy" in row for row in rows)
    small = any("small" in row for row in rows)
    for column in (*(("small",) if small else ()), "latency (ms)", "accuracy", "seeds") if trained else ():
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        mark = " *" if row["name"] == best else " ~" if row["name"] in tied else ""
        cells = [
            row["name"] + mark, f"{row['depth']:.3f}", f"{row['width']:.3f}", str(row["side"]),
            si(row["params"]), f"{row['macs']:,}" + (f" ({row['times']:.2f}x)" if "times" in row else ""),
        ]  # fmt: skip
        if small:
            cells.append(f"{row['small']:.2%}")
        if trained:
            cells += [_ms(row), _accuracy(row), " ".join(f"{100 * value:.2f}" for value in row["accuracies"])]
        table.add_row(*cells)
    out.print(table)
    if best is not None:
        out.print("* best, ~ not told from it by its seeds; accuracy with the 95% interval of the mean", style="dim")


def _ms(row: dict[str, Any]) -> str:
    if row.get("latency_ms") is None:
        return "-"
    if row.get("latency_low") is None:
        return f"{row['latency_ms']:.3f}"
    return f"{row['latency_ms']:.3f} [{row['latency_low']:.3f}, {row['latency_high']:.3f}]"


def _accuracy(row: dict[str, Any]) -> str:
    interval = "" if row.get("low") is None else f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{row['accuracy']:.2%}{interval}"


def _print_ladder(rows: list[dict[str, Any]]) -> None:
    latencies = any("latency_ms" in row for row in rows)
    formulas = any("formula" in row for row in rows)
    table = Table(title_justify="left")
    table.add_column("network", no_wrap=True)
    for column in ("phi", "depth", "width", "pixels", "params", "MACs", "activations"):
        table.add_column(column, justify="right", no_wrap=True)
    if latencies:
        table.add_column("latency (ms)", justify="right", no_wrap=True)
    if formulas:
        table.add_column("formula", justify="right", no_wrap=True)
    for row in rows:
        cells = [
            row["name"], f"{row['phi']:.4g}", _factor(row["depth"]), _factor(row["width"]), str(row["resolution"]),
            si(row["params"]), si(row["macs"]), si(row["activations"]),
        ]  # fmt: skip
        if latencies:
            cells.append(_latency(row["latency_ms"]))
        if formulas:
            cells.append(_formula(row.get("formula")))
        table.add_row(*cells)
    out.print(table)
    if formulas:
        out.print(
            "formula: the phi that comes nearest to the rung, and depth, width, pixels and MACs that it gives",
            style="dim", highlight=False,
        )  # fmt: skip
    for row in rows:
        if "file" in row:
            out.print(f"wrote {row['file']}", highlight=False, markup=False)


def _factor(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _latency(latency: dict[str, Any]) -> str:
    flag = "" if latency["trusted"] else " not trusted"
    return f"{latency['p50']:.3f} [{latency['low']:.3f}, {latency['high']:.3f}]{flag}"


def _formula(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    return f"{found['phi']:g}: {found['depth']:.2f} {found['width']:.2f} {found['resolution']}, {si(found['macs'])}"
