"""`nas search` on a table, and `nas compare`, as a person calls them."""

from __future__ import annotations

import json

from table_study import write_study


def test_search_on_a_table_and_compare(nas, run_nas, tmp_path):
    file = write_study(tmp_path, search={"trials": 5})
    (tmp_path / "made_up.parquet").rename(tmp_path / "elsewhere.parquet")
    code, _, err = run_nas("search", file)
    assert code == 2
    assert "--data FILE" in err
    data = ["--data", "elsewhere.parquet"]
    plan = json.loads(nas("search", file, *data, "--dry-run", "--json"))
    assert plan["rows"] == 12
    assert not (tmp_path / "results").exists()
    front = json.loads(nas("search", file, *data, "--json"))
    assert front["best"]["values"]["accuracy"] <= 0.75
    told = nas("search", file, *data, "--trials", "7", "--out", "results/more")
    assert "The best network" in told
    assert "best   results/more/best/network.yaml" in told
    assert "model" not in told
    there = {file.name for file in (tmp_path / "results" / "more" / "best").iterdir()}
    assert there == {"network.yaml", "architecture.json", "record.json"}
    found = json.loads(nas("compare", "a=made_up", "b=more", "--json", "--out", "page.html"))
    assert [group["label"] for group in found["groups"]] == ["a", "b"]
    assert found["groups"][1]["trained"]["mean"] == 7
    assert found["differences"] == [{"key": "search.trials", "values": {"a": 5, "b": 7}}]
    assert (tmp_path / "page.html").stat().st_size > 1e6
    printed = nas("compare", "made_up", "more")
    assert "hypervolume" in printed
    assert "Time is that of the simulated clock." in printed
    code, _, err = run_nas("compare", "made_up", "mad_up")
    assert code == 2
    assert "in results/: did you mean 'made_up'? allowed: made_up, more" in " ".join(err.split())
    nas("search", file, *data, "--trials", "5", "--out", "results/more")  # it has more already
    status = json.loads(nas("status", "more", "--json"))
    assert sum(status["trained"].values()) == status["asked"] == 7


def test_a_dry_run_says_each_change_in_a_line(nas, tmp_path):
    nas("search", write_study(tmp_path, search={"trials": 5}))
    search = {"trials": 5, "sampler": "ageing", "options": {"population_size": 4, "tournament_size": 2}}
    shown = nas("search", write_study(tmp_path, search=search), "--adopt", "--dry-run")
    lines = [line.split("│")[-2].strip() for line in shown.splitlines() if "│" in line]
    assert 'search.sampler: "random" -> "ageing"' in lines
    assert "search.options.population_size: nothing -> 4" in lines


def test_no_network_within_the_budgets(run_nas, tmp_path):
    file = write_study(tmp_path, search={"trials": 5}, budgets=["latency_ms <= 0.5"])
    code, _, err = run_nas("search", file)
    assert code == 2
    assert "latency_ms <= 0.5" in err
    assert not (tmp_path / "results" / "made_up").exists()
