"""Search small, scale up: networks of a search scaled and trained, and whether their order survives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from nas.errors import InvalidArchitecture, NasError
from nas.report.scaling_page import scaling_page
from nas.scale import Options, method
from nas.store import Record, Results
from nas.store.files import write_json, write_text
from nas.study.config import StudyConfig, read_study_as
from nas.study.open import OpenStudy, open_study
from nas.study.results import open_results, stored_plan, write_results
from nas.study.run import OnProgress, run_networks
from nas.study.scaling_networks import Entry, costs, scaled_entry, to_train
from nas.study.scaling_run import runs_of
from nas.study.spaces import catalogue

FEWEST = 4  # pairs that a rank correlation is told of
CONFIDENCE = 0.9
COLUMNS = ("name", "depth", "width", "side", "params", "macs", "latency_ms", "small", "accuracy")


@dataclass(frozen=True)
class Pair:
    """A network of the search with its accuracy there, and the same scaled."""

    record: Record
    entry: Entry


def chosen(results: Results, count: int) -> list[Record]:
    """So many finished candidates, from the most accurate to the least in even steps of rank.

    Raises `NasError` where fewer were trained to the end.
    """
    runs = {arch: records[0] for arch, records in runs_of(results.records("candidate")).items()}
    ranked = sorted(runs.values(), key=lambda record: -record.values["accuracy"])
    if len(ranked) < count:
        raise NasError(
            f"{count} networks of the search must have been trained to the end to be scaled up, but {results.folder} "
            f"has {len(ranked)}; ask for fewer with --sample"
        )
    places = np.linspace(0, len(ranked) - 1, count).round().astype(int)
    return [ranked[place] for place in places.tolist()]


def scaled_up(results: Results, records: Sequence[Record], name: str, phi: float) -> list[Pair]:
    """Each network scaled by the method with that phi. Raises `NasError` that names one that cannot be."""
    pairs = []
    for record in records:
        plan = stored_plan(results, record)
        try:
            found = method(name).apply(plan, phi, catalogue(), Options())
        except InvalidArchitecture as error:
            raise NasError(f"trial {record.trial} ({record.arch_id}) cannot be scaled by {name}: {error}") from error
        assert found.factors is not None
        pairs.append(
            Pair(record, scaled_entry(f"trial {record.trial}", found.plan, found.factors, method=name, phi=phi))
        )
    return pairs


def reopened(results: Results, changes: dict[str, Any]) -> OpenStudy:
    """The study of a search, to train more networks under its recipe, under another name."""
    config = read_study_as(StudyConfig, results.folder / "study.yaml", changes | {"search.warm_start": []})
    return open_study(config.model_copy(update={"name": f"{config.name}_scaled", "baselines": []}))


def run_up(
    study: OpenStudy, folder: Path, pairs: Sequence[Pair], seeds: int, on_progress: OnProgress
) -> dict[str, Any]:
    """Train all scaled networks, write `scaling.json` and `scaling.html`, and give the document.

    Raises what `run_networks` does, and `NasError` where too few were trained to the end.
    """
    finished = run_networks(study, folder, to_train([pair.entry for pair in pairs], seeds), on_progress)
    document = told(study, pairs, finished.records)
    write_json(folder / "scaling.json", document)
    write_text(folder / "scaling.html", scaling_page(document))
    write_results(open_results(folder))
    return document


def told(study: OpenStudy, pairs: Sequence[Pair], records: Sequence[Record]) -> dict[str, Any]:
    """Rows, and the rank correlation of small and scaled accuracies with its interval."""
    runs = runs_of(records)
    rows = []
    for row, pair in zip(costs([pair.entry for pair in pairs]), pairs, strict=True):
        done = runs.get(row["arch_id"], [])
        if done:
            accuracies = [run.values["accuracy"] for run in done]
            latencies = [run.values["latency_ms"] for run in done if "latency_ms" in run.values]
            rows.append(
                row | {
                    "small": pair.record.values["accuracy"],
                    "accuracy": fmean(accuracies),
                    "accuracies": accuracies,
                    "latency_ms": fmean(latencies) if latencies else None,
                }
            )  # fmt: skip
    if len(rows) < FEWEST:
        raise NasError(
            f"a rank correlation needs {FEWEST} networks trained to the end, but has {len(rows)}; raise --sample, or "
            "see `nas show` for why some failed"
        )
    correlation = rank_correlation([row["small"] for row in rows], [row["accuracy"] for row in rows])
    best = max(rows, key=lambda row: row["accuracy"])
    scaled = f"best scaled: {best['name']} with {best['accuracy']:.1%} at {best['macs']:,} MACs"
    return {
        "kind": "apply",
        "title": f"{study.config.name}: searched small, scaled up",
        "said": [correlation.sentence, scaled],
        "columns": list(COLUMNS),
        "rows": rows,
        "rank_correlation": {
            "value": correlation.value, "low": correlation.low, "high": correlation.high, "n": len(rows),
        },
    }  # fmt: skip


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation with its interval."""

    value: float
    low: float
    high: float
    n: int

    @property
    def sentence(self) -> str:
        """Whether the order of small networks may be trusted for scaled ones."""
        interval = f"{self.low:.2f} to {self.high:.2f}, n {self.n}"
        start = f"rank correlation of small and scaled networks {self.value:.2f} ({interval})"
        if self.low > 0.5:
            return f"{start}: what is better small is better scaled, searching small is allowed"
        if self.high < 0.5:
            return f"{start}: the order does not survive, search at the size that is wanted"
        return f"{start}: too few networks to say whether the order survives; raise --sample or --seeds"


def rank_correlation(small: Sequence[float], scaled: Sequence[float]) -> Correlation:
    """Spearman's rank correlation (1904) of at least 4 pairs with the interval of Bonett and Wright (2000).

    For the interval a perfect order counts as one that is short of it by half a pair: few pairs may agree by chance.
    """
    pairs = np.column_stack([small, scaled])
    value, n = _spearman(pairs), len(pairs)
    inner = float(np.clip(value, -1 + 0.5 / n, 1 - 0.5 / n))
    half = float(norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt((1 + inner**2 / 2) / (n - 3))
    low, high = (math.tanh(math.atanh(inner) + side * half) for side in (-1, 1))
    return Correlation(value, min(value, low), max(value, high), n)


def _spearman(pairs: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    if min(len(np.unique(column)) for column in pairs.T) < 2:
        return 0.0
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)
