"""The files that a study leaves for people and machines: `report.html`, `front.json`, `trials.parquet`."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.report.aims import Aims, read_aims
from nas.report.best_network import Drawn
from nas.report.front import best, front
from nas.report.hypervolume import hypervolume
from nas.report.informed import informed
from nas.report.latencies import predictor_error, with_search
from nas.report.maps import kept_maps
from nas.report.page import page
from nas.report.proxies import rankings
from nas.report.sections import plain
from nas.report.standing import ranked
from nas.report.trials import trials_table
from nas.store.files import read_json, write_text, writing
from nas.store.record import Record
from nas.store.results import FINALIZED, WARM_START

if TYPE_CHECKING:
    import pyarrow


def write_report(
    folder: str | Path,
    records: Sequence[Record],
    study: Mapping[str, Any],
    env: Mapping[str, Any],
    networks: Mapping[str, Drawn] | None = None,
    scaling: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the three files into a results folder, each replaced in one step, so that a reader never sees half of one.

    `study` is the resolved study, `env` what is known of host and versions, `networks` the blocks of those that the
    page draws (`nas.report.best_network.drawn_networks`), by reference, `scaling` what `nas scale` found in the study.
    Raises `StoreError` where the folder cannot be written and `NasError` for an objective that cannot be read.
    """
    place = Path(folder)
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
    aims = read_aims(study)
    earlier = read_json(place / WARM_START) or []
    document = front_document(records, aims) | ({"warm_start": earlier} if earlier else {})
    write_text(place / "front.json", json.dumps(document, indent=1, allow_nan=False) + "\n")
    _write_parquet(place / "trials.parquet", trials_table(with_search(records), aims))
    # Of this study, or of the one that this folder belongs to.
    documents = (read_json(each / f"{FINALIZED}.json") for each in (place / FINALIZED, place))
    finalized = next((document for document in documents if document), None)
    write_text(place / "report.html", page(records, aims, env, networks, scaling, finalized, kept_maps(place), earlier))


def front_document(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> dict[str, Any]:
    """What `front.json` holds: study, objectives, budgets, front, baselines, best, hypervolume, predictor, proxies.

    The hypervolume is measured from `hypervolume.reference_point`. `predictor` is the error of predictions made before
    a candidate was measured, null where there were none; a finalist's values have its `predicted_ms` and
    `search_latency_ms` too. `proxies` is how well each ranks the trained networks, `learnt_from_proxies` whether the
    sampler used them, null where it had none to use. Numbers that are not finite become null.
    """
    aims, records = read_aims(study), with_search(records)
    leader = best(records, aims)
    return {
        "study": aims.name,
        "objectives": [objective.text for objective in aims.objectives],
        "budgets": [budget.text for budget in aims.budgets],
        "front": [trial_document(r) for r in front(records, aims)],
        "baselines": [trial_document(r) for r in ranked([r for r in records if r.role == "baseline"], aims)],
        "best": trial_document(leader) if leader else None,
        "hypervolume": _finite(hypervolume(records, aims)),
        "predictor": predictor_error(records),
        "proxies": [ranking.to_json() for ranking in rankings(records, aims)],
        "learnt_from_proxies": told.to_json() if (told := informed(records)) else None,
    }


def trial_document(record: Record) -> dict[str, Any]:
    """One trial as `front.json` holds it; `trial` counts anew in each role."""
    return {
        "trial": record.trial,
        "role": record.role,
        "name": record.name,
        "arch_id": record.arch_id,
        "state": record.state,
        "feasible": record.feasible,
        "values": {name: _finite(value) for name, value in record.values.items()},
        "interval": {name: [_finite(low), _finite(high)] for name, (low, high) in record.interval.items()},
        "decisions": plain(record.decisions),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _write_parquet(path: Path, table: pyarrow.Table) -> None:
    import pyarrow.parquet

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        try:
            pyarrow.parquet.write_table(table, partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
