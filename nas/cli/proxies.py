"""The command that looks at untrained networks: zero-cost proxies, and how well they rank what a study has trained."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from nas.cli.console import JsonOption, out, print_json, si
from nas.cli.live import counting


def proxies(
    targets: Annotated[
        list[str],
        typer.Argument(help="Networks (as of `nas profile`), or studies with trained ones.", metavar="TARGET"),
    ],
    only: Annotated[
        list[str] | None, typer.Option("--only", help="One proxy; may be given again. Without it all.", metavar="NAME")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compute zero-cost proxies of networks; of a study's trained networks also how well they rank them."""
    from nas.proxy import PROXIES, check_proxies
    from nas.study.networks import RESULTS, find_network
    from nas.study.proxies import network_scores, study_scores
    from nas.study.results import is_results, open_results

    names = only or list(PROXIES)
    check_proxies(names)
    studies = [open_results(target) for target in targets if is_results(target, RESULTS)]
    plans = [find_network(target, or_study=True) for target in targets if not is_results(target, RESULTS)]
    with counting("networks") as tell:
        networks = [network_scores(plan, names) for plan in plans]
        ranked = [study_scores(results, names, tell) for results in studies]
    if as_json:
        print_json({"networks": networks, "studies": ranked})
        return
    if networks:
        out.print(_network_table(networks, names))
        for network in networks:
            for name, score in network["proxies"].items():
                if score["reason"]:
                    out.print(f"{network['name']} has no {name}: {score['reason']}", highlight=False, markup=False)
    for study in ranked:
        out.print(_ranking_table(study))


def _network_table(networks: list[dict[str, Any]], names: list[str]) -> Table:
    table = Table()
    table.add_column("network")
    for column in ("params", "MACs", *names):
        table.add_column(column, justify="right")
    for network in networks:
        scores = (network["proxies"][name]["value"] for name in names)
        cells = ("-" if score is None else f"{score:.4g}" for score in scores)
        table.add_row(escape(network["name"]), si(network["params"]), si(network["macs"]), *cells)
    return table


def _ranking_table(study: dict[str, Any]) -> Table:
    title = f"{study['study']}: rank correlation (Spearman, 95% interval) with what training gave"
    table = Table(title=escape(title), title_justify="left")
    for column in ("proxy", "objective"):
        table.add_column(column)
    for column in ("networks", "Spearman", "", "beats params"):
        table.add_column(column, justify="right")
    for row in study["ranking"]:
        told = row["spearman"] is not None
        beats = {True: "yes", False: "not shown", None: ""}[row["beats_params"]]
        value = f"{row['spearman']:.3f}" if told else "cannot be told"
        bounds = f"[{row['low']:.3f}, {row['high']:.3f}]" if told else ""
        table.add_row(row["proxy"], escape(row["objective"]), str(row["n"]), value, escape(bounds), beats)
    return table
