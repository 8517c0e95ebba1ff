"""Zero-cost proxies in a study: scored before it trains, kept with it, refused as something to aim at."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from optuna.samplers import RandomSampler
from table_study import write_study

from nas.errors import SpecError
from nas.proxy import PROXIES
from nas.store import Results
from nas.study import proxies
from nas.study.config import read_study
from nas.study.networks import find_network
from nas.study.proxies import network_scores, scores_here, study_scores
from nas.study.results import open_results, write_results
from nas.study.status import study_status
from nas.study.table_run import open_table_study, run_table_study

TABLE = Path(os.environ.get("NASBENCH201", "nasbench201.parquet"))
needs_table = pytest.mark.skipif(not TABLE.is_file(), reason="needs nasbench201.parquet, named by $NASBENCH201")


def run(file, folder, **overrides):
    return run_table_study(open_table_study(read_study(file, overrides)), folder, lambda progress: None)


def test_every_network_that_trains_is_scored(tmp_path):
    file = write_study(tmp_path, search={"proxies": ["synflow", "naswot"]}, budgets=["latency_ms <= 9"])
    finished = run(file, tmp_path / "r")
    trained = [record for record in finished.records if record.state == "complete"]
    assert len(trained) == 9
    for record in trained:
        assert set(record.proxies) == {"synflow", "naswot"}
        assert all(score is not None for score in record.proxies.values())
    assert all(not record.proxies for record in finished.records if record.state != "complete")
    ranking = json.loads((tmp_path / "r" / "front.json").read_text())["proxies"]
    found = {(row["proxy"], row["objective"]) for row in ranking}
    names = ("params", "macs", "synflow", "naswot")
    assert found == {(name, objective) for name in names for objective in ("accuracy", "latency_ms")}
    assert all(row["n"] == len(trained) and -1 <= row["low"] <= row["spearman"] <= row["high"] for row in ranking)


@pytest.mark.parametrize(("sampler", "learns"), [("surrogate", True), ("tpe", False)])
def test_the_surrogate_learns_from_scores(tmp_path, monkeypatch, sampler, learns):
    asked = []
    monkeypatch.setattr(proxies, "_score", lambda name, plan: asked.append((name, plan.arch_id)) or 1.0)
    search = {"sampler": sampler, "options": {"n_startup_trials": 3}, "trials": 6, "proxies": ["synflow"]}
    finished = run(write_study(tmp_path, search=search), tmp_path / "r")
    trained = {("synflow", record.arch_id) for record in finished.records if record.state == "complete"}
    assert len(trained) == 6
    assert len(asked) == len(set(asked))
    assert bool(asked) == learns
    if learns:
        assert len(set(asked) & trained) >= 5  # all but the last, which nothing is learnt from any more
        assert set(asked) - trained  # those that promised most, too
    told = [record.origin["informed"] for record in finished.records if "informed" in record.origin]
    assert bool(told) == learns
    assert all(set(each) == {"accuracy", "latency_ms"} for each in told)
    status = study_status(open_results(tmp_path / "r"))["learnt_from_proxies"]
    assert status == json.loads((tmp_path / "r" / "front.json").read_text())["learnt_from_proxies"]
    if learns:
        assert status["proposals"] == len(told) >= 3
        assert status["used"] == {name: sum(each[name] for each in told) for name in ("accuracy", "latency_ms")}
        assert status["last"] == told[-1]
    else:
        assert status is None


class Foreign(RandomSampler):
    """Learns from no features, and has an attribute of that name for itself."""

    informed = True


def test_a_sampler_of_others_may_have_attributes_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(proxies, "_score", lambda name, plan: 1.0)
    search = {"sampler": f"{__name__}:Foreign", "trials": 3, "proxies": ["synflow"]}
    finished = run(write_study(tmp_path, search=search), tmp_path / "r")
    assert not any("informed" in record.origin for record in finished.records)
    assert sum(record.state == "complete" for record in finished.records) == 3


def test_a_study_may_be_given_proxies_later_and_scores_nothing_twice(tmp_path, monkeypatch):
    file = write_study(tmp_path, search={"trials": 6})
    before = run(file, tmp_path / "r")
    assert not any(record.proxies for record in before.records)
    after = run(write_study(tmp_path, search={"trials": 8, "proxies": ["synflow"]}), tmp_path / "r")
    assert sum(bool(record.proxies) for record in after.records) == 2
    done = []
    study_scores(open_results(tmp_path / "r"), ["synflow"], lambda at, of: done.append((at, of)))
    assert done[-1] == (8, 8)
    records = Results(tmp_path / "r", name="made_up").records("candidate")
    assert all(record.proxies for record in records if record.state == "complete")
    monkeypatch.setattr("nas.proxy.keeping.compute", None)  # would fail if anything were computed
    study_scores(open_results(tmp_path / "r"), ["synflow"], lambda at, of: None)
    write_results(open_results(tmp_path / "r"))
    assert 'id="proxies"' in (tmp_path / "r" / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {"proxies": ["naswott"]}}, r"search.proxies.0: no zero-cost proxy is called 'naswott'; did you"),
        ({"objectives": ["maximize accuracy - synflow"]}, r"objectives.0: .* names the zero-cost proxy 'synflow'"),
        ({"budgets": ["naswot >= 10"]}, r"budgets.0: .*'naswot >= 10' names the zero-cost proxy 'naswot', which only"),
    ],
)
def test_what_is_refused(tmp_path, changes, message):
    with pytest.raises(SpecError, match=message):
        open_table_study(read_study(write_study(tmp_path, **changes)))


def test_a_value_of_the_table_may_have_any_name(tmp_path):
    evaluator = {"costs": {"latency_ms": "ms", "synflow": "2 * ms"}}
    file = write_study(tmp_path, evaluator=evaluator, objectives=["minimize synflow"], search={"trials": 3})
    trained = [record for record in run(file, tmp_path / "r").records if record.state == "complete"]
    assert {record.values["synflow"] for record in trained} < set(range(2, 26, 2))


def test_a_networks_scores_beside_its_costs():
    found = network_scores(find_network("zoo/lenet5"), ["naswot"])
    assert found["params"] == 61706
    assert list(found["proxies"]) == ["naswot"]
    assert found["proxies"]["naswot"]["reason"] is None
    assert scores_here() is proxies.scores_here()


@needs_table
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_proxies_rank_nasbench201(tmp_path):
    """Published: SynFlow 0.74 to 0.78, NASWOT 0.77 to 0.80 on all cells; 40 of them tell it with a wide margin."""
    overrides = {"data.path": str(TABLE), "search.trials": 40, "search.sampler": "random"}
    finished = run("nasbench201", tmp_path / "r", **overrides | {"search.proxies": ["synflow", "naswot"]})
    assert finished.records
    ranking = json.loads((tmp_path / "r" / "front.json").read_text())["proxies"]
    by_name = {row["proxy"]: row["spearman"] for row in ranking if row["objective"] == "accuracy"}
    assert by_name["synflow"] > 0.55
    assert by_name["naswot"] > 0.55
    assert set(PROXIES) > {"synflow", "naswot"}
