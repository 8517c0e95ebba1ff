"""Studies answered from a recorded table: same gates, rungs and records as with training, on a simulated clock."""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from table_study import frame, write_study

from nas.errors import NasError, StoreError
from nas.store import Results
from nas.study.config import read_study
from nas.study.spaces import catalogue, open_space
from nas.study.status import study_status, trial_details
from nas.study.table_run import Answers, open_table_study, run_table_study

TABLE = Path(os.environ.get("NASBENCH201", "nasbench201.parquet"))
needs_table = pytest.mark.skipif(not TABLE.is_file(), reason="needs nasbench201.parquet, named by $NASBENCH201")


def search(file, folder, **overrides):
    study = open_table_study(read_study(file, overrides))
    return run_table_study(study, folder, lambda progress: None)


def by_trial(finished):
    return {r.trial: r for r in finished.records}


def test_every_network_is_answered_as_the_table_has_it(tmp_path):
    finished = search(write_study(tmp_path), tmp_path / "r")
    rows = frame().set_index("code")
    done = [r for r in finished.records if r.state == "complete"]
    assert len({r.arch_id for r in done}) == 12
    for record in done:
        width, kernel = record.decisions["stem.0.conv.out"], record.decisions["stem.0.conv.kernel"]
        row = rows.loc[f"{[4, 6, 8].index(width)}{[1, 3, 5, 7].index(kernel)}"]
        assert record.values["latency_ms"] == row.ms
        assert record.values["accuracy"] == pytest.approx(row.final / 100)
        assert [line["epoch"] for line in record.curve] == [2, 10]
        assert record.curve[0]["accuracy"] == pytest.approx(row.early / 100)
        assert record.seconds == pytest.approx(10 * row.s)
        assert record.values["params"] > 0  # counted on the network, for the table says nothing of it
    for name in ("report.html", "front.json", "trials.parquet", "best/network.yaml"):
        assert (tmp_path / "r" / name).is_file()


def test_the_same_study_gives_the_same_trials(tmp_path):
    file = write_study(tmp_path, search={"sampler": "tpe", "trials": 8})
    first, second = (search(file, tmp_path / name).records for name in "ab")
    assert [r.decisions for r in first] == [r.decisions for r in second]


def test_workers_share_a_clock(tmp_path):
    alone = search(write_study(tmp_path), tmp_path / "one").records
    ends = [r.values["simulated_seconds"] for r in alone if r.state == "complete"]
    assert ends == pytest.approx(np.cumsum([r.seconds for r in alone if r.state == "complete"]))
    several = search(write_study(tmp_path, run={"concurrent": 3}), tmp_path / "three").records
    span = max(r.values["simulated_seconds"] for r in several if r.state == "complete")
    total = sum(r.seconds for r in several)
    assert total / 3 <= span < 0.6 * total


def test_budgets_on_the_tables_latency_gate(tmp_path):
    finished = search(write_study(tmp_path, budgets=["latency_ms <= 6"]), tmp_path / "r")
    trained = [r for r in finished.records if r.state == "complete"]
    assert {r.values["latency_ms"] for r in trained} == {1, 2, 3, 4, 5, 6}
    turned_away = [r for r in finished.records if r.gate == "latency"]
    assert all(r.values["latency_ms"] > 6 and r.constraints["latency_ms <= 6"] > 0 for r in turned_away)
    assert turned_away


def test_costs_of_the_table_take_the_place_of_those_counted(tmp_path):
    evaluator = {"costs": {"latency_ms": "ms", "params": "1000 * ms"}}
    finished = search(write_study(tmp_path, evaluator=evaluator, budgets=["params <= 3000"]), tmp_path / "r")
    assert {r.values["params"] for r in finished.records if r.state == "complete"} == {1000, 2000, 3000}
    assert {r.gate for r in finished.records if r.gate} <= {"cost", "duplicate"}


def test_rungs_stop_at_the_tables_epochs(tmp_path):
    study = {"objectives": ["maximize accuracy"], "search": {"rungs": [2], "reduction": 3}}
    finished = search(write_study(tmp_path, **study), tmp_path / "r")
    pruned = [r for r in finished.records if r.state == "pruned"]
    assert pruned
    assert all([line["epoch"] for line in r.curve] == [2] and r.rung == 0 for r in pruned)
    best = max(finished.records, key=lambda r: r.values.get("accuracy", 0))
    assert best.state == "complete"
    assert best.values["accuracy"] == pytest.approx(0.75)


@pytest.mark.parametrize("workers", [1, 3])
def test_what_is_promoted_pays_for_the_epochs_that_are_left(tmp_path, workers):
    settings = {"rungs": [2], "reduction": 4, "scheduling": "promote"}
    finished = search(write_study(tmp_path, search=settings, run={"concurrent": workers}), tmp_path / "r")
    trained = [r for r in finished.records if r.curve]
    assert [(r.state, r.epochs, r.rung) for r in sorted(trained, key=lambda r: -r.epochs)] == [
        *[("complete", 10, 1)] * 3,
        *[("pruned", 2, 0)] * 9,
    ]
    rows = frame().set_index("ms").s
    for record in trained:
        assert record.seconds == pytest.approx(record.epochs * rows[record.values["latency_ms"]])
        if record.state == "pruned":
            assert record.reason == "stopped at rung 1 of 2, epoch 2: not among the best one in 4"
        else:
            began, ended = (line["simulated_seconds"] for line in record.curve)
            assert ended - began >= 8 * rows[record.values["latency_ms"]] - 1e-9
    if workers == 1:
        assert max(r.values["simulated_seconds"] for r in trained) == pytest.approx(sum(r.seconds for r in trained))


def test_a_study_from_before_promotion_goes_on_as_it_began(tmp_path):
    file = write_study(tmp_path, search={"trials": 4, "rungs": [2]})
    search(file, tmp_path / "r")
    resolved = tmp_path / "r" / "study.yaml"
    known = yaml.safe_load(resolved.read_text())
    for key in ("scheduling", "extrapolate"):
        del known["search"][key]
    resolved.write_text(yaml.safe_dump(known))
    assert sum(bool(r.curve) for r in search(file, tmp_path / "r", **{"search.trials": 6}).records) == 6
    with pytest.raises(StoreError, match=r"search\.scheduling differs"):
        search(file, tmp_path / "r", **{"search.scheduling": "promote"})


@pytest.mark.parametrize(
    ("reduction", "counts"),
    [
        pytest.param(4, {"paused": 2, "interrupted": 1}, id="a new one begins"),
        pytest.param(2, {"paused": 1, "interrupted": 1}, id="one of them is promoted"),
    ],
)
def test_status_counts_those_that_pause(tmp_path, monkeypatch, reduction, counts):
    settings = {"rungs": [2], "reduction": reduction, "scheduling": "promote"}
    file = write_study(tmp_path, search=settings)
    turns = itertools.count()

    def interrupted(answers, job):
        if next(turns) == 2:
            raise KeyboardInterrupt
        return Answers.open(answers, job)

    with monkeypatch.context() as patch:
        patch.setattr("nas.study.table_run.Answers", type("Answers", (Answers,), {"open": interrupted}))
        with pytest.raises(KeyboardInterrupt):
            search(file, tmp_path / "r")
    results = Results(tmp_path / "r", name="made_up")
    assert study_status(results)["trained"] == counts
    assert Counter(trial_details(results, str(record.trial))["standing"] for record in results.records()) == counts
    assert sum(r.state == "complete" for r in search(file, tmp_path / "r").records) == 12 // reduction


def test_it_goes_on_where_it_stopped(tmp_path):
    file = write_study(tmp_path, search={"trials": 4})
    first = by_trial(search(file, tmp_path / "r"))
    again = by_trial(search(file, tmp_path / "r", **{"search.trials": 8}))
    assert {n: r.values for n, r in first.items()} == {n: again[n].values for n in first}
    assert sum(r.state == "complete" for r in again.values()) == 8
    last = max(r.values["simulated_seconds"] for r in first.values() if r.state == "complete")
    fresh = [r for n, r in again.items() if n not in first and r.state == "complete"]
    assert all(r.values["simulated_seconds"] > last for r in fresh)


def _without(code: str) -> pd.DataFrame:
    table = frame()
    return table[table.code != code]


def _with(row: int, column: str, value: object) -> pd.DataFrame:
    table = frame()
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "changes", "message"),
    [
        (_without("21"), {}, r"study.yaml:\d+.*lacks 21; the nearest that it has is (01|11|20|22|23)"),
        (None, {"evaluator": {"key": "cod"}}, "no column 'cod'; did you mean 'code'"),
        (None, {"evaluator": {"costs": {"latency_ms": "mss * 2"}}}, "no column 'mss'; did you mean 'ms'"),
        (_with(3, "ms", np.nan), {}, r"'ms' must be a finite number .* not in 1 of 12; the first is row 3 \(code 03\)"),
        (_with(5, "final", np.inf), {}, r"final / 100.* not in 1 of 12; the first is row 5 \(code 11\)"),
        (_with(5, "code", "10"), {}, "must be unique, but rows 4 and 5 both have 10"),
        (_with(5, "code", "14"), {}, r"must hold 2 digits \(.*\), but row 5 has '14'"),
        (_with(5, "code", "101"), {}, "row 5 has '101'"),
        (
            None,
            {"evaluator": {"costs": {"latency_ms": "text"}}},
            "column 'text' .* must hold numbers, but row 0 has 'a'",
        ),
        (None, {"evaluator": {"costs": {"latency_ms": "1 / (ms - 1)"}}}, r"'1 / \(ms - 1\)' .* row 0"),
        (None, {"evaluator": {"digits": ["stem.0.conv.out"]}}, "once, but do not so for stem.0.conv.kernel"),
        (None, {"evaluator": {"digits": ["out"]}}, "'out' is no decision of made_up"),
        (None, {"evaluator": {"seconds_per_epoch": "s - 3"}}, "seconds must not be negative, but .* has -1 for 00"),
        (None, {"search": {"rungs": [3]}}, r"rungs must be epochs that the table has \(2, 10\), but 3 is not"),
        (
            None,
            {
                "evaluator": {"epochs": {2: {"loss": "early"}, 10: {"accuracy": "final / 100"}}},
                "search": {"rungs": [2]},
            },
            "at search.rungs: .* by 'accuracy', but the table has no accuracy after 2 epochs",
        ),
        (
            None,
            {"evaluator": {"epochs": {0: {"accuracy": "early"}, 10: {"accuracy": "final"}}}},
            "epochs must be at least 1, but got 0",
        ),
        (None, {"evaluator": {"epochs": {2: {"accuracy": "early", "epoch": "s"}}}}, "no value may be called 'epoch'"),
        (None, {"evaluator": {"epochs": {2: {"accuracy": "early", "latency_ms": "s"}}}}, "'latency_ms' .* as both"),
        (None, {"objectives": ["maximize f1"]}, "names 'f1', which is no value"),
        (None, {"baselines": ["zoo/lenet5"]}, "'baselines' must be left out"),
        (None, {"data": {"name": "digits"}}, "'data' must be left out"),
        (None, {"finalists": {"count": 2}}, "'finalists' must be left out"),
        (None, {"search": {"sampler": "tpee"}}, "did you mean 'tpe'"),
        (None, {"space": {"nope": 3}}, r"study.yaml:\d+:\d+: at space: at nope: a space has no key 'nope'"),
    ],
)
def test_what_does_not_hold_is_named_before_anything_is_written(tmp_path, table, changes, message):
    file = write_study(tmp_path, table, **changes)
    with pytest.raises(NasError, match=message):
        search(file, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_file_that_is_no_table(tmp_path):
    file = write_study(tmp_path)
    (tmp_path / "made_up.parquet").write_text("no table")
    with pytest.raises(NasError, match="must be a parquet file, but it cannot be read"):
        search(file, tmp_path / "r")
    (tmp_path / "made_up.parquet").unlink()
    with pytest.raises(NasError, match=r"there is no file 'made_up\.parquet'; name it by --data FILE"):
        search(file, tmp_path / "r")


def test_a_constant_objective_is_warned_of(tmp_path):
    table = frame().assign(ms=1.5)
    study = open_table_study(read_study(write_study(tmp_path, table)))
    assert study.warnings == [f"'latency_ms' is the same in every row of {tmp_path / 'made_up.parquet'}"]
    assert not open_table_study(read_study(write_study(tmp_path))).warnings


def test_a_study_needs_data_or_an_evaluator(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("name: a\nspace: quickstart\n")
    with pytest.raises(NasError, match="'data' is missing"):
        read_study(file)


@needs_table
def test_cells_cost_what_nas_bench_201_says():
    rows = pd.read_parquet(TABLE).set_index("ops")
    for classes in (10, 100):
        space = open_space("nasbench201", classes=classes)
        operations = space.decisions[0].values
        rng = random.Random(classes)
        for _ in range(20):
            digits = [rng.randrange(5) for _ in space.decisions]
            decisions = {d.name: operations[i] for d, i in zip(space.decisions, digits, strict=True)}
            cost, row = catalogue().plan(space.decode(decisions)), rows.loc["".join(map(str, digits))]
            assert cost.params == round(row[f"params_m_c{classes}"] * 1e6)
            # The table counts the classifier's bias too.
            assert cost.macs == pytest.approx(row[f"mflops_c{classes}"] * 1e6, abs=classes + 10)


@needs_table
def test_the_known_best_cell_of_nas_bench_201_is_where_the_table_has_it():
    rows = pd.read_parquet(TABLE)
    best = rows.loc[rows.c10_test_e200.idxmax()].ops
    space, known = open_space("nasbench201"), open_space("zoo/nasbench201_best")
    decisions = {d.name: d.values[int(i)] for d, i in zip(space.decisions, best, strict=True)}
    assert space.decode(decisions).arch_id == known.decode({}).arch_id


@needs_table
def test_the_shipped_study_finds_a_good_cell(tmp_path):
    finished = search("nasbench201", tmp_path / "r", **{"data.path": str(TABLE), "search.trials": 30})
    assert sum(r.state == "complete" for r in finished.records) == 30
    assert max(r.values.get("accuracy", 0) for r in finished.records) > 0.67
