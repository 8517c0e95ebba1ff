"""Commands about one network: what it costs, stage by stage, and how fast it is."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from nas.cli.console import JsonOption, err, out, print_json, si
from nas.cli.live import counting

NetworkArgument = Annotated[
    str, typer.Argument(help="A YAML path, zoo/NAME, STUDY:TRIAL or STUDY:best.", metavar="NETWORK")
]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Threads of one inference.")]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster of a device with a resource: auto or HOST:PORT; by default RAY_ADDRESS.", metavar="ADDRESS"
    ),
]
BatchOption = Annotated[int | None, typer.Option(min=1, help="Images at a time.")]


def profile(
    network: NetworkArgument,
    resolution: Annotated[int | None, typer.Option(min=1, help="Input size in pixels, instead of the file's.")] = None,
    classes: Annotated[int | None, typer.Option(min=1, help="Classes, instead of the file's.")] = None,
    device: Annotated[str | None, typer.Option(help="Measure the latency too, on this device.")] = None,
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show parameters, MACs and activations of a network, stage by stage."""
    from nas.study.networks import find_about, find_network
    from nas.study.profile import profile_network

    plan = find_network(network, resolution=resolution, resolution_from="--resolution", classes=classes)
    document = profile_network(plan, device, address=address)
    if as_json:
        print_json(document)
        return
    table = Table(title=f"{document['name']}  {document['arch_id']}", title_justify="left")
    table.add_column("stage")
    for column in ("params", "MACs", "activations", "output"):
        table.add_column(column, justify="right")
    for stage in document["stages"]:
        table.add_row(
            stage["name"], si(stage["params"]), si(stage["macs"]), si(stage["activations"]), sizes(stage["out_shape"])
        )
    table.add_section()
    table.add_row("all", f"{document['params']:,}", f"{document['macs']:,}", f"{document['activations']:,}", "")
    out.print(table)
    if about := about_line(find_about(network)):
        out.print(about, highlight=False, markup=False, soft_wrap=True)
    if span := document.get("macs_range"):
        out.print(range_line(span), highlight=False)
    out.print(f"peak activation memory {si(document['peak_bytes'], 'B')} at batch 1")
    if latency := document.get("latency_ms"):
        out.print(latency_line(latency))


def measure(
    network: NetworkArgument,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or a device file.")] = "cpu",
    runtime: Annotated[str | None, typer.Option(help="How the network is run.")] = None,
    threads: ThreadsOption = None,
    batch: BatchOption = None,
    address: AddressOption = None,
    resolution: Annotated[int | None, typer.Option(min=1, help="Input size in pixels, instead of the file's.")] = None,
    stages: Annotated[
        bool, typer.Option("--stages", help="Measure each block alone too: which share of the time each stage has.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure a network on a device: latency with an interval and what disturbed it, memory, size, energy."""
    from nas.study.networks import find_network
    from nas.study.profile import measure_network
    from nas.study.stage_timing import keep_stages, measure_stages

    err.print(f"measuring {network} on {device} ...")
    changes = {"runtime": runtime, "threads": threads, "batch": batch}
    plan = find_network(network, resolution=resolution, resolution_from="--resolution")
    document = measure_network(plan, device, changes, address=address)
    if stages:
        with counting("blocks") as tell:
            document |= measure_stages(plan, device, changes, document, address=address, on_block=tell)
        if kept := keep_stages(network, document):
            err.print(kept, highlight=False, soft_wrap=True)
    if as_json:
        print_json(document)
        return
    out.print(f"{document['name']}  {document['arch_id']}")
    out.print(latency_line(document["latency_ms"]))
    for line in extra_lines(document):
        out.print(line, highlight=False, markup=False)
    if stages:
        out.print(stage_table(document["stages"]))
        out.print(document["stages_note"], highlight=False, soft_wrap=True)
        for block, reason in document["not_measured"].items():
            first_line, *_ = reason.split("\n")
            out.print(f"  {block}: {first_line}", highlight=False, markup=False, soft_wrap=True)
    for name, value in document["environment"].items():
        out.print(f"  {name}: {value}", highlight=False)


def stage_table(stages: list[dict[str, Any]]) -> Table:
    """What each stage takes, as measured block by block, and its share of the sum."""
    table = Table(title="stages, each block measured alone", title_justify="left")
    for column in ("stage", "blocks"):
        table.add_column(column, overflow="fold")
    for column in ("ms", "share", "MACs", "of all", "params"):
        table.add_column(column, justify="right")
    for row in stages:
        ms = "not measured" if row["ms"] is None else f"{row['ms']:.4f}"
        shares = ("" if row[key] is None else f"{100 * row[key]:.1f}%" for key in ("share", "macs_share"))
        time_share, macs_share = shares
        table.add_row(row["stage"], row["blocks"], ms, time_share, si(row["macs"]), macs_share, si(row["params"]))
    return table


def extra_lines(document: dict[str, Any]) -> list[str]:
    """What was measured besides latency, what is not available here, and what disturbed the measurement."""
    named = (
        ("inference_memory_mb", "memory of an inference", "MiB"),
        ("model_mb", "model on disk", "MiB"),
        ("energy_mj", "energy an image", "mJ"),
    )
    values = [
        f"{label} {document[key]:.3g} {unit}" if document[key] is not None else f"{label}: not available here"
        for key, label, unit in named
    ]
    evidence = dict(document["evidence"])
    agreement = evidence.pop("agreement", None)
    seen = ", ".join(f"{name} {value}" for name, value in evidence.items())
    lines = [", ".join(values), f"seen meanwhile: {seen}"]
    if agreement is not None:
        lines.append("outputs beside eager's: " + ", ".join(f"{name} {value}" for name, value in agreement.items()))
    return lines


def about_line(about: Any) -> str:
    """One line with the paper, its accuracy and a note; empty where the file says nothing of them."""
    top1 = f"published top-1 {about.top1:g}%" if about.top1 is not None else ""
    return "; ".join(part for part in (about.paper, top1, about.note) if part)


def sizes(shape: list[Any]) -> str:
    """The size of what a stage hands on; of a pyramid, of each map."""
    each = shape if shape and isinstance(shape[0], list) else [shape]
    return " + ".join("x".join(map(str, size)) for size in each)


def range_line(span: dict[str, Any]) -> str:
    """One line that says how many MACs an image takes where they depend on it."""
    shares, leaving = span["at"].get("shares"), span["at"].get("leaving")
    said = [f"optional work done for {', '.join(f'{share:.0%}' for share in shares)} of the images"] if shares else []
    said += [f"leaving at the exits: {', '.join(f'{100 * share:.3g}%' for share in leaving)}"] if leaving else []
    if keeping := span["at"].get("keeping"):
        said.append(f"{' then '.join(f'{100 * share:.3g}%' for share in keeping)} of the tokens kept")
    if span["least"] == span["most"]:
        return f"MACs of an image: {si(span['most'])} for every image ({'; '.join(said)})"
    return (
        f"MACs of an image: {si(span['least'])} at least, {si(span['expected'])} expected ({'; '.join(said)}), "
        f"{si(span['most'])} at most"
    )


def latency_line(latency: dict[str, Any]) -> str:
    """One line that says how fast, how sure, and whether to believe it."""
    trust = "trusted" if latency["trusted"] else "[bold red]not trusted[/]"
    flags = f" ({', '.join(latency['flags'])})" if latency["flags"] else ""
    return (
        f"p50 {latency['p50']:.3f} ms [{latency['low']:.3f}, {latency['high']:.3f}], p90 {latency['p90']:.3f} ms, "
        f"p99 {latency['p99']:.3f} ms, {latency['pairs']} pairs, {trust}{flags}"
    )
