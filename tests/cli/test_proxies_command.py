"""`nas proxies`, as a person calls it."""

from __future__ import annotations

import json

from table_study import write_study


def test_networks_and_studies(nas, run_nas, tmp_path):
    found = json.loads(nas("proxies", "zoo/lenet5", "--json"))
    (network,) = found["networks"]
    assert network["name"] == "lenet5"
    assert network["params"] == 61706
    assert network["proxies"].keys() == {"synflow", "naswot", "expressivity", "progressivity", "trainability"}
    assert all(score["value"] is not None for score in network["proxies"].values())
    assert found["studies"] == []

    nas("search", write_study(tmp_path))
    shown = nas("proxies", "made_up", "zoo/lenet5", "--only", "synflow")
    assert "lenet5" in shown
    assert "rank correlation" in shown
    assert "not shown" in shown or "yes" in shown
    (study,) = json.loads(nas("proxies", "made_up", "--only", "naswot", "--json"))["studies"]
    assert {row["proxy"] for row in study["ranking"]} == {"params", "macs", "synflow", "naswot"}
    details = json.loads(nas("show", "made_up", "--json"))
    assert details["proxies"].keys() == {"synflow", "naswot"}
    assert details["record"]["proxies"]["synflow"] > 0
    assert "zero-cost proxies" in nas("show", "made_up")
    front = json.loads(nas("report", "made_up", "--json"))
    assert {row["proxy"] for row in front["proxies"]} == {"params", "macs", "synflow", "naswot"}

    code, out, err = run_nas("proxies", "mad_up")
    assert (code, out) == (2, "")
    words = "it may also be a results folder or the name of one, or a trial of a study (STUDY:best, STUDY:TRIAL); "
    words += "in results/: did you mean 'made_up'?"
    assert words in " ".join(err.split())


def test_bad_input(run_nas):
    code, out, err = run_nas("proxies", "zoo/lenet5", "--only", "synflo")
    assert (code, out) == (2, "")
    assert "did you mean 'synflow'" in err
    code, _, err = run_nas("proxies", "zoo/lenet")
    assert code == 2
    assert "lenet5" in err
