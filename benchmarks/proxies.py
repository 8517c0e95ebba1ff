"""How well do zero-cost proxies rank networks whose accuracy is recorded, and do they help a model that predicts it?

    python -m benchmarks.proxies --table nasbench201.parquet
    python -m benchmarks.proxies --results results/cifar10_latency --results results/quickstart

The networks are drawn at random from the space of a study on a table, or are those that a finished study trained to the
end. For each proxy and each objective: Spearman's rank correlation with its 95% interval (bootstrap over networks), and
what computing it took on one thread. `az_nas` is the combination of its paper: the sum over its four parts (MACs as
complexity) of the logarithm of the rank among these networks.

Then a model learns the first objective from 50 of the networks and ranks the others, over 20 splits: ridge regression
and a Gaussian process on one-hot decisions, alone, with parameters and MACs, and with proxies as well. `gain` is the
median difference to decisions alone on the same split, `better` on how many splits it was positive.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import environment, report, spread
from nas.errors import NasError
from nas.proxy import PROXIES, Score, Scores
from nas.report.proxies import COSTS
from nas.report.rank_correlation import rank_correlation, surely_stronger
from nas.study.config import read_study
from nas.study.proxies import scores_here
from nas.study.results import open_results, read_resolved, stored_plan
from nas.study.run import price
from nas.study.table_run import Answers, open_table_study

LEARNT, SPLITS = 50, 20
PARTS = ("expressivity", "progressivity", "trainability", "macs")
FEWEST = 20  # networks to rank


@dataclass(frozen=True)
class Networks:
    """Networks with what is recorded of them: a row each, in all of the three."""

    name: str
    decisions: list[Mapping[str, Any]]
    numbers: dict[str, list[float | None]]  # params, macs, and each proxy
    objectives: dict[str, list[float]]
    ms: dict[str, list[float]]


def of_table(study: str, table: Path | None, count: int, seed: int, scores: Scores) -> Networks:
    """Different networks drawn at random from a study's table."""
    opened = open_table_study(read_study(study, {"data.path": str(table.resolve()) if table else None}))
    answers, rng = Answers(opened.space, opened.table), random.Random(seed)
    plans: dict[str, tuple[Any, Any]] = {}
    while len(plans) < min(count, len(opened.table.rows)):
        decisions = opened.space.sample(rng)
        plan = answers.decode(decisions)
        plans.setdefault(plan.arch_id, (decisions, plan))
    rows = []
    for decisions, plan in plans.values():
        *_, last = opened.table.lines(answers.row[plan.arch_id])
        costs = {name: float(column[answers.row[plan.arch_id]]) for name, column in opened.table.costs.items()}
        rows.append((decisions, plan, {**price(plan), **costs, **last}))
    goals = {objective.text: objective.value for objective in opened.goals.objectives}
    return scored(opened.config.name, rows, goals, scores)


def of_results(folder: str, scores: Scores) -> Networks:
    """The candidates that a finished study trained to the end."""
    from nas.report.aims import read_aims

    results = open_results(folder)
    study = read_resolved(results.folder)
    done = [record for record in results.records("candidate") if record.state == "complete"]
    if len(done) < FEWEST:
        raise NasError(f"at least {FEWEST} candidates must have been trained to the end, but {folder} has {len(done)}")
    rows = [(record.decisions, stored_plan(results, record), record.values) for record in done]
    goals: dict[str, Callable[[Any], float]] = {
        each.name: lambda values, name=each.name: values[name] for each in read_aims(study).objectives
    }
    return scored(str(study["name"]), rows, goals, scores)


def scored(name: str, rows: Sequence[Any], goals: Mapping[str, Callable[[Any], float]], scores: Scores) -> Networks:
    found: dict[str, list[Score]] = {proxy: [] for proxy in PROXIES}
    for at, (_, plan, _) in enumerate(rows):
        for proxy, score in scores.of(plan, PROXIES).items():
            found[proxy].append(score)
        if (at + 1) % 20 == 0:
            print(f"{name}: {at + 1} of {len(rows)} networks", file=sys.stderr, flush=True)
    numbers: dict[str, list[float | None]] = {
        **{cost: [price(plan)[cost] for _, plan, _ in rows] for cost in COSTS},
        **{proxy: [score.value for score in each] for proxy, each in found.items()},
    }
    numbers["az_nas"] = az_nas(numbers)
    objectives = {goal: [value(values) for _, _, values in rows] for goal, value in goals.items()}
    ms = {proxy: [score.ms for score in each] for proxy, each in found.items()}
    return Networks(name, [decisions for decisions, _, _ in rows], numbers, objectives, ms)


def az_nas(numbers: Mapping[str, Sequence[float | None]]) -> list[float | None]:
    """The sum of the logarithms of ranks, from 1 for the worst; None where a part is."""
    from scipy.stats import rankdata

    total = np.zeros(len(numbers[PARTS[0]]))
    for part in PARTS:
        values = np.array([np.nan if value is None else value for value in numbers[part]])
        total += np.log(rankdata(values, nan_policy="omit") / len(values))
    return [float(value) if np.isfinite(value) else None for value in total]


def correlations(networks: Networks) -> list[dict[str, Any]]:
    rows = []
    for objective, values in networks.objectives.items():
        for proxy, each in networks.numbers.items():
            if proxy == objective:
                continue
            have = [at for at, value in enumerate(each) if value is not None]
            x: Any = [each[at] for at in have]
            y, params = [values[at] for at in have], [networks.numbers["params"][at] for at in have]
            found = rank_correlation(x, y)
            row: dict[str, Any] = {"networks": networks.name, "objective": objective, "what": proxy, "n": len(have)}
            if found is not None:
                row |= {"spearman": found.value, "low": found.low, "high": found.high}
                row["beats params"] = None if proxy in COSTS else str(surely_stronger(x, params, y))  # type: ignore[arg-type]
            row["ms"] = spread(networks.ms[proxy]) if proxy in networks.ms else None
            rows.append(row)
    return rows


def one_hot(decisions: Sequence[Mapping[str, Any]]) -> np.ndarray:
    pairs = sorted({(name, str(value)) for each in decisions for name, value in each.items()})
    return np.array([[float(str(each.get(name)) == value) for name, value in pairs] for each in decisions])


def learning(networks: Networks) -> list[dict[str, Any]]:
    """Spearman on the networks that were not learnt from, over random splits."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    count = len(networks.decisions)
    if count < LEARNT + FEWEST:
        return []
    (objective, values), *_ = networks.objectives.items()
    y = np.array(values)
    costs = np.log(np.array([networks.numbers[name] for name in COSTS], float).T)
    floor = {name: min((v for v in networks.numbers[name] if v is not None), default=0.0) for name in PROXIES}
    known = np.array([[floor[n] if v is None else v for v in networks.numbers[n]] for n in PROXIES]).T
    ranked = np.sign(known) * np.log1p(np.abs(known))  # some scores are very skewed
    sets = {"decisions": one_hot(networks.decisions)}
    sets["decisions, costs"] = np.column_stack([sets["decisions"], costs])
    for name, column in zip(PROXIES, ranked.T, strict=True):
        sets[f"decisions, costs, {name}"] = np.column_stack([sets["decisions, costs"], column])
    sets["decisions, costs, all proxies"] = np.column_stack([sets["decisions, costs"], ranked])

    def models() -> dict[str, Any]:
        kernel = ConstantKernel() * Matern(length_scale=3.0, nu=1.5) + WhiteKernel(0.1)
        process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
        return {"ridge": RidgeCV(np.logspace(-2, 3, 12)), "gaussian process": process}

    from scipy.stats import spearmanr

    found: dict[tuple[str, str], list[float]] = {}
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(count)
        learnt, rest = order[:LEARNT], order[LEARNT:]
        for inputs, x in sets.items():
            for name, model in models().items():
                fitted = make_pipeline(StandardScaler(), model).fit(x[learnt], y[learnt])
                predicted = fitted.predict(x[rest])
                rank = spearmanr(predicted, y[rest]).statistic if np.ptp(predicted) > 0 else 0.0
                found.setdefault((name, inputs), []).append(float(rank))
    rows = []
    for (name, inputs), ranks in found.items():
        gain = np.array(ranks) - np.array(found[name, "decisions"])
        better = f"{int((gain > 0).sum())} of {SPLITS}"
        rows.append(
            {"networks": networks.name, "objective": objective, "what": f"{name}: {inputs}", "n": SPLITS}
            | {"spearman": spread(ranks), "gain": float(np.median(gain)), "better": better}
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="nasbench201", help="a study on a table")
    parser.add_argument("--table", type=Path, help="its parquet file")
    parser.add_argument("--results", action="append", default=[], help="a finished study; may be given again")
    parser.add_argument("--networks", type=int, default=300, help="how many are drawn from the table")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--out", type=Path, help="a results file to write")
    options = parser.parse_args(arguments)
    if options.table is None and not options.results:
        parser.error("name a --table, or finished --results")
    scores, sets = scores_here(), []
    try:
        if options.table is not None:
            sets.append(of_table(options.study, options.table, options.networks, options.seed, scores))
        sets += [of_results(folder, scores) for folder in options.results]
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    rows = [row for each in sets for row in (*correlations(each), *learning(each))]
    columns = ["networks", "objective", "what", "n", "spearman", "low", "high", "beats params", "gain", "better", "ms"]
    report("proxies: rank correlation", rows, columns, environment(), options.out, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
