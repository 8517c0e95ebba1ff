"""Commands about studies: run one, see how it stands, look at a trial, draw the report again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from nas.cli.console import JsonOption, err, out, print_json, si
from nas.cli.live import LiveProgress, duration
from nas.cli.stopping import stoppable

StudyFile = Annotated[str, typer.Argument(help="A study: a YAML file or a shipped name.", metavar="STUDY.yaml")]
StudyFolder = Annotated[str, typer.Argument(help="A results folder, or the name of a study.", metavar="STUDY")]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Results folder; without it results/NAME.", metavar="FOLDER")
]


def search(
    study: StudyFile,
    out_folder: OutOption = None,
    data: Annotated[Path | None, typer.Option(help="The data set's file or folder.", metavar="PATH")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Networks to train, instead of the study's.")] = None,
    device: Annotated[str | None, typer.Option(help="Where latency counts, instead of the study's.")] = None,
    runner: Annotated[str | None, typer.Option(help="ray or local, instead of the study's.")] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read, and count them.")
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Go on with the space and the sampler as they are now, where others were before."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, show what would run and about how long; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Search for the best network under the study's budgets, or go on where an earlier run stopped."""
    from nas.study.config import read_study
    from nas.study.estimate import estimate
    from nas.study.open import open_study, results_folder
    from nas.study.predicting import check_named, predictor_words
    from nas.study.run import run_study

    path = str(data.resolve()) if data else None
    overrides = {"data.path": path, "search.trials": trials, "device": device, "run.runner": runner}
    config = read_study(study, overrides)
    folder = results_folder(config, out_folder)
    if config.search.warm_start:
        err.print(
            f"looking for the networks of {', '.join(config.search.warm_start)} in the space ...", highlight=False
        )
    if config.evaluator is not None:
        _search_table(config, folder, dry_run, as_json, adopt)
        return
    opened = open_study(config, results=folder.parent, folder=folder, skip_unreadable=skip_unreadable)
    check_named(opened)
    if opened.dataset.skipped:
        err.print(f"left out {len(opened.dataset.skipped)} unreadable images, the first: {opened.dataset.skipped[0]}")
    if dry_run:
        err.print("trying a few networks for some seconds ...")
        plan = estimate(opened, folder)
        print_json(plan) if as_json else _print_estimate(plan)
        return
    if opened.goals.needs_latency:
        err.print(f"latency predictor: {predictor_words(opened)}", highlight=False, soft_wrap=True)
    try:
        with stoppable(), LiveProgress(f"{config.name} -> {folder}") as live:
            finished = run_study(opened, folder, live.update, skip_unreadable=skip_unreadable, adopt=adopt)
    except KeyboardInterrupt:
        err.print(f"interrupted; everything finished is kept in {folder}. Go on with the same command.", soft_wrap=True)
        raise
    _print_finished(folder, finished, as_json)


def _search_table(config: Any, folder: Path, dry_run: bool, as_json: bool, adopt: bool) -> None:
    """A search that is answered from a table."""
    from nas.study.table_run import open_table_study, run_table_study, table_plan

    opened = open_table_study(config, results=folder.parent, folder=folder)
    for warning in opened.warnings:
        err.print(f"[yellow]warning:[/] {escape(warning)}", highlight=False, soft_wrap=True)
    if dry_run:
        plan = table_plan(opened, folder)
        print_json(plan) if as_json else _print_estimate(plan)
        return
    try:
        with stoppable(), LiveProgress(f"{config.name} -> {folder}") as live:
            finished = run_table_study(opened, folder, live.update, adopt=adopt)
    except KeyboardInterrupt:
        err.print(f"interrupted; everything finished is kept in {folder}. Go on with the same command.", soft_wrap=True)
        raise
    _print_finished(folder, finished, as_json)


def _print_finished(folder: Path, finished: Any, as_json: bool) -> None:
    """The end of a search; exit code 3 where nothing met the budgets."""
    from nas.report import constant_objectives, verdict

    found = verdict(finished.records, finished.study)
    # Of a table it was said before.
    for name in constant_objectives(finished.records, finished.study) if not finished.study.get("evaluator") else ():
        err.print(f"[yellow]warning:[/] '{escape(name)}' is the same in all finished networks", highlight=False)
    if as_json:
        import json

        print_json(json.loads((folder / "front.json").read_text(encoding="utf-8")))
    else:
        _print_tables(finished.records, finished.study)
        _print_verdict(found)
        out.print(f"report {folder / 'report.html'}", highlight=False)
        if found.found:  # of a table there is a network, but nothing was trained
            trained = (folder / "best" / "weights.safetensors").is_file()
            out.print(
                f"model  {folder / 'best'}" if trained else f"best   {folder / 'best' / 'network.yaml'}",
                highlight=False,
            )
    if not found.found:
        raise typer.Exit(3)


def status(study: StudyFolder, as_json: JsonOption = False) -> None:
    """Show how a study stands, also while it runs."""
    from nas.study.results import open_results
    from nas.study.status import study_status

    found = study_status(open_results(study))
    if as_json:
        print_json(found)
        return
    table = Table(show_header=False, box=None)
    for name, value in found.items():
        if name == "seconds_left" and value is not None:
            table.add_row("candidates", f"about {duration(value)} left")
        elif value not in (None, {}):
            said = value["words"] if isinstance(value, dict) and "words" in value else _words(value)
            table.add_row(name.replace("_", " "), escape(said))
    out.print(table)


def show(
    study: StudyFolder,
    trial: Annotated[str, typer.Argument(help="A trial: 17, best, baseline/0, finalist/0, or an arch_id.")] = "best",
    as_json: JsonOption = False,
) -> None:
    """Show one trial: its architecture, costs, measurement and learning curve."""
    from nas.report import worth_showing
    from nas.report.stages import block_words
    from nas.study.results import open_results
    from nas.study.status import trial_details

    found = trial_details(open_results(study), trial)
    if as_json:
        print_json(found)
        return
    record = found["record"]
    where = f"{record['role']} {record['trial']}"
    name = f" {record['name']}" if record["name"] else ""
    out.print(f"[bold]{record['arch_id'] or 'no network'}[/]{name} ({where}, {found['standing']})")
    if record["reason"]:
        out.print(f"reason: {record['reason']}", highlight=False)
    shown = record | {"values": worth_showing(record["values"])}
    for title in ("values", "constraints", "decisions", "latency"):
        if record[title]:
            table = Table(title=title, title_justify="left", show_header=False)
            for name, value in shown[title].items():
                table.add_row(name, _words(value))
            out.print(table)
    known = {name: value for name, value in found["latencies"].items() if value}
    if len(known) > 1:
        table = Table(title="latency (ms)", title_justify="left")
        for column in ("", "ms", "low", "high"):
            table.add_column(column, justify="right" if column else "left")
        for name, value in known.items():
            words = name.replace("_", " ") + ("" if value["trusted"] else " (not trusted)")
            table.add_row(words, *(f"{value[key]:.4g}" for key in ("ms", "low", "high")))
        out.print(table)
    if found["proxies"]:
        table = Table(title="zero-cost proxies", title_justify="left", show_header=False)
        for name, score in found["proxies"].items():
            table.add_row(name, escape(score["reason"]) if score["value"] is None else _words(score["value"]))
        out.print(table)
    if found["stages"]:
        table = Table(title="stages", title_justify="left")
        timed = any(row["ms"] is not None for row in found["stages"])
        for column in ("stage", "block", "output", "params", "MACs", *(["alone (ms)"] if timed else [])):
            table.add_column(column, overflow="fold")
        for row in found["stages"]:
            cells = [row["stage"], block_words(row), row["output"], si(row["params"]), si(row["macs"])]
            cells += ["" if row["ms"] is None else f"{row['ms']:.4f}"] if timed else []
            table.add_row(*cells)
        out.print(table)
        if note := (found["stages_measured"] or {}).get("stages_note"):
            out.print(note, highlight=False, markup=False, soft_wrap=True)
    table = Table(title="how it came about", title_justify="left", show_header=False)
    for name, text in found["provenance"].items():
        table.add_row(name, escape(text))
    out.print(table)
    if record["curve"]:
        table = Table(title="learning curve", title_justify="left")
        names = [name for name in ("epoch", "train_loss", "loss", "accuracy", "seconds") if name in record["curve"][0]]
        for name in names:
            table.add_column(name, justify="right")
        for line in record["curve"]:
            table.add_row(*(_words(line.get(name)) for name in names))
        out.print(table)


def report(study: StudyFolder, as_json: JsonOption = False) -> None:
    """Write report.html, front.json and trials.parquet again from what is recorded, and print the summary."""
    from nas.report import verdict
    from nas.study.results import open_results, write_results

    results = open_results(study)
    finished = write_results(results)
    if as_json:
        import json

        print_json(json.loads(results.front_file.read_text(encoding="utf-8")))
        return
    _print_tables(finished.records, finished.study)
    _print_verdict(verdict(finished.records, finished.study))
    out.print(f"report {results.report_file}", highlight=False)


def _print_verdict(found: Any) -> None:
    out.print(found.sentence)
    for line in found.met:
        out.print(f"  {line}", markup=False, soft_wrap=True)


def _print_tables(records: Any, study: Any) -> None:
    """What a study ends with: the networks beside each other, and their latencies as predicted and measured."""
    from nas.report import latency_table, summary_table

    out.print(summary_table(records, study))
    if (table := latency_table(records, study)) is not None:
        out.print(table)


def _print_estimate(plan: dict[str, Any]) -> None:
    table = Table(title="what would run", title_justify="left", show_header=False)
    for name, value in plan.items():
        if name == "estimated_seconds":
            table.add_row("estimated time", f"about {duration(value)}")
        elif name == "within_budgets":
            table.add_row("within budgets", value["words"])
        elif name == "within_cost_budgets":
            continue  # the same number for programs
        elif name == "changes":
            table.add_row(name, escape("\n".join(value)))
        else:
            table.add_row(name.replace("_", " "), _words(value))
    out.print(table)


def _words(value: Any) -> str:
    match value:
        case float():
            return f"{value:.4g}"
        case dict():
            said = {key.replace("_", " "): _words(item) for key, item in value.items()}
            return ", ".join(f"{key} {words}" for key, words in said.items() if words)
        case list() | tuple():
            return ", ".join(_words(item) for item in value)
    return str(value)
