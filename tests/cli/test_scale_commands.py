"""`nas scale`: ladders, budgets, grids and comparisons, from the command to the files."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest
import torch
import yaml

from nas.scale.laws import fit_power_law
from nas.scale.surface import fit_surface

BASE = {
    "nas": 1,
    "name": "small",
    "input": {"resolution": 8, "channels": 1},
    "classes": 3,
    "stem": [{"conv": {"out": 8, "stride": 2}}],
    "stages": [{"name": "s1", "out": 16, "repeat": 2, "block": {"mbconv": {"expand": 2}}}],
    "head": ["pool", "classifier"],
}
KEYS = {"name", "phi", "depth", "width", "resolution", "params", "macs", "activations"}


def test_the_published_ladder_beside_the_formula(nas):
    rows = json.loads(nas("scale", "apply", "zoo/efficientnet_b0", "--phi", "0..2", "--method", "published", "--json"))
    assert [row["name"] for row in rows] == ["efficientnet_b0", "efficientnet_b1", "efficientnet_b2"]
    assert all(row.keys() >= KEYS for row in rows)
    assert [row["params"] for row in rows] == [5288548, 7794184, 9109994]
    assert [(row["depth"], row["width"], row["resolution"]) for row in rows[1:]] == [(1.1, 1.0, 240), (1.2, 1.1, 260)]
    assert (rows[2]["formula"]["resolution"], rows[2]["formula"]["params"]) == (258, 9109994)
    shown = nas("scale", "apply", "zoo/efficientnet_b0", "--phi", "2", "--method", "published")
    assert "1: 1.20 1.10 258, 993M" in shown


def test_a_ladder_of_networks_has_no_factors(nas):
    (row,) = json.loads(
        nas(
            "scale",
            "apply",
            "zoo/efficientnet_v2_s",
            "--phi",
            "1",
            "--method",
            "published",
            "--classes",
            "10",
            "--json",
        )
    )
    assert (row["name"], row["depth"], row["width"], row["resolution"]) == ("efficientnet_v2_m", None, None, 480)
    assert row["params"] == 54139356 - 990 * 1281


def test_rungs_are_written_as_networks_of_the_language(nas, tmp_path):
    nas("scale", "apply", "zoo/resnet8", "--phi", "0,1", "--write", tmp_path / "ladder")
    files = sorted(path.name for path in (tmp_path / "ladder").iterdir())
    assert files == ["resnet8.yaml", "resnet8_formula_1.yaml"]
    text = (tmp_path / "ladder" / "resnet8_formula_1.yaml").read_text(encoding="utf-8")
    assert text.startswith("# resnet8 scaled by the method formula with phi 1: depth 1.2, width 1.1, resolution 1.15\n")
    shown = json.loads(nas("profile", tmp_path / "ladder" / "resnet8_formula_1.yaml", "--json"))
    (row,) = json.loads(nas("scale", "apply", "zoo/resnet8", "--phi", "1", "--json"))
    assert (shown["arch_id"], shown["macs"]) == (row["arch_id"], row["macs"])


def test_the_largest_network_within_macs_and_within_a_latency(nas, meter):
    (row,) = json.loads(nas("scale", "apply", "zoo/resnet20", "--macs", "1e8", "--json"))
    assert 7e7 < row["macs"] <= 1e8
    (row,) = json.loads(nas("scale", "apply", "zoo/resnet20", "--latency-ms", "30", "--method", "width", "--json"))
    assert 15 < row["latency_ms"]["p50"] <= 30
    assert len(meter.measured) > 3
    assert set(meter.measured.values()) == {1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give one of --phi, --macs and --latency-ms, but got none"),
        (["--phi", "1", "--macs", "1e9"], "but got --phi and --macs"),
        (["--phi", "one"], "phi must be like 0..7, 0..3..0.5, 1.5 or 0,1,2, but got 'one'"),
        (["--phi", "1", "--threads", "2"], "--threads says how rungs are measured: give --device too"),
        (["--phi", "1", "--method", "wide"], "no method of scaling is called 'wide'; did you mean 'width'?"),
        (["--phi", "1", "--method", "published"], "no ladder was published for resnet20"),
        (["--phi", "-20", "--method", "width"], "a width must stay at least one channel"),
        (["--phi", "0..1e9"], "--phi must be at most 100 values, but '0..1e9' is 1,000,000,001"),
        (["--phi", "1", "--method", "fast", "--alpha", "1.3"], "--alpha says nothing to the method fast"),
        (["--phi", "1", "--table", "efficientnet"], "--table is of --method published, but the method is formula"),
        (["--macs", "10", "--method", "width"], "the budget must be within what scaling resnet20 reaches"),
    ],
)
def test_bad_input_is_told(run_nas, options, message):
    code, out, err = run_nas("scale", "apply", "zoo/resnet20", *options)
    assert (code, out) == (2, "")
    assert message in " ".join(err.split())


@pytest.fixture
def scaling_study(tiny_study, tmp_path):
    """Writes a study of the small base with these sections."""

    def write(**sections):
        tree = {key: value for key, value in tiny_study.items() if key not in ("search", "budgets")}
        path = tmp_path / "scaling.yaml"
        path.write_text(yaml.safe_dump(tree | {"space": BASE, "finalists": {"count": 0}} | sections), encoding="utf-8")
        return path

    return write


GRID = {"alpha": [1.0, 2.0], "beta": {"range": [1.0, 1.4, 0.2]}, "gamma": [1.0, 1.2, 1.4], "tolerance": 0.1, "seeds": 2}


def test_a_grid_from_the_file_to_the_verdict(nas, run_nas, scaling_study, tmp_path, meter):
    study, out = scaling_study(grid=GRID), tmp_path / "out"
    plan = json.loads(nas("scale", "grid", study, "--out", out, "--dry-run", "--json"))
    names = [
        "alpha 1 beta 1 gamma 1.4",
        "alpha 1 beta 1.2 gamma 1.2",
        "alpha 1 beta 1.4 gamma 1",
        "alpha 2 beta 1 gamma 1",
    ]
    assert [row["name"] for row in plan["networks"]] == names
    assert (plan["trainings"], plan["epochs"]) == (2 * plan["different"], 2)
    assert plan["estimated_seconds"] > 0
    code, shown, err = run_nas("scale", "grid", study, "--out", out, "--dry-run", "--json", "--gpus", "8")
    assert (code, json.loads(shown)["trials_at_a_time"]) == (0, 8), err
    assert torch.cuda.is_available() or "what 8 processors like this one would take" in " ".join(err.split())
    assert not out.exists()
    shown = nas("scale", "grid", study, "--out", out)
    assert "has the best mean" in shown
    document = json.loads((out / "scaling.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in document["rows"]] == names
    assert [row["macs"] for row in document["rows"]] == [row["macs"] for row in plan["networks"]]
    for row in document["rows"]:
        assert len(row["accuracies"]) == 2
        assert row["latency_low"] < row["latency_ms"] < row["latency_high"]
    verdict = document["verdict"]
    assert verdict["freedom"] == plan["different"]
    assert verdict["best"] in names
    assert "Accuracy over the grid" in (out / "report.html").read_text(encoding="utf-8")
    page = (out / "scaling.html").read_text(encoding="utf-8")
    assert "Accuracy over the grid" in page
    # again with one seed more: only those are trained
    before = {path.name for path in (out / "trials").iterdir()}
    again = json.loads(nas("scale", "grid", study, "--out", out, "--seeds", "3", "--json"))
    assert all(len(row["accuracies"]) == 3 for row in again["rows"])
    assert len({path.name for path in (out / "trials").iterdir()} - before) == plan["different"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tolerance": 0.001, "gamma": [1.0]}, "scaling.yaml:.* is for none of 6; the nearest: alpha 2 beta 1 gamma 1"),
        ({"alpha": {"range": [1, 2, 0]}}, "scaling.yaml:.*the step of a range must be a positive number"),
        ({"rounding": "up"}, "scaling.yaml:.*no rounding is called 'up'"),
        ({"delta": [1]}, "scaling.yaml:.*unknown key 'delta'"),
    ],
)
def test_a_bad_grid_is_told_with_its_place(run_nas, scaling_study, change, message):
    grid = GRID | change
    if "tolerance" in change:
        grid = grid | {"target": 2.05}
    code, _, err = run_nas("scale", "grid", scaling_study(grid=grid), "--dry-run")
    assert code == 2
    assert re.search(message, " ".join(err.split()))


def test_methods_are_compared_at_equal_macs_and_at_equal_latency(nas, scaling_study, tmp_path, meter):
    study = scaling_study(compare={"factors": [2], "methods": ["depth", "width", "formula"]})
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    command = ("scale", "compare", tmp_path / "small.yaml", "--study", study, "--out", tmp_path / "out")
    plan = json.loads(nas(*command, "--dry-run", "--json"))
    rows = {row["name"]: row for row in plan["networks"]}
    assert list(rows) == [
        "base", "depth 2x macs", "width 2x macs", "compound 2x macs",
        "depth 2x latency", "width 2x latency", "compound 2x latency",
    ]  # fmt: skip
    assert rows["depth 2x macs"]["macs"] == pytest.approx(2 * rows["base"]["macs"], rel=0.3)
    assert rows["depth 2x macs"]["width"] == rows["width 2x macs"]["depth"] == 1
    assert rows["width 2x latency"]["macs"] > 1.5 * rows["width 2x macs"]["macs"]  # a constant a block: width is cheap
    assert meter.measured
    shown = nas(*command, "--at", "macs", "--seeds", "1")
    assert "with one seed each it is not known how far seeds differ" in " ".join(shown.split())
    document = json.loads((tmp_path / "out" / "scaling.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in document["rows"]] == list(rows)[:4]
    assert len(document["said"]) == len({row["s"] for row in document["rows"][1:]}) == 1
    assert document["said"][0].startswith("at 2 times the macs: ")
    assert all(row["times"] == row["macs"] / rows["base"]["macs"] for row in document["rows"])
    assert "times the base's MACs" in document["said"][-1]


def test_widths_are_compared_at_four_depths_and_resolutions(nas, scaling_study, tmp_path, meter):
    study = scaling_study(compare={"factors": [2], "methods": ["width"], "at": ["macs"], "crossed": [1.0, 1.5]})
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    plan = json.loads(nas("scale", "compare", tmp_path / "small.yaml", "--study", study, "--dry-run", "--json"))
    crossed = [row for row in plan["networks"] if row["method"] == "crossed"]
    assert len(crossed) == 8
    assert [(row["depth"], row["resolution"]) for row in crossed[::2]] == [(1, 1), (1, 1.3), (2, 1), (2, 1.3)]
    assert all(wide["macs"] > narrow["macs"] for narrow, wide in zip(crossed[::2], crossed[1::2], strict=True))
    assert crossed[0]["arch_id"] == plan["networks"][0]["arch_id"]


def test_laws_are_fitted_to_what_was_trained_and_what_they_predict_is_checked(
    nas, run_nas, scaling_study, tmp_path, meter, monkeypatch
):
    monkeypatch.setattr("nas.study.scaling_fit.fit_power_law", partial(fit_power_law, draws=30))
    monkeypatch.setattr("nas.study.scaling_best.fit_surface", partial(fit_surface, draws=30))
    study = scaling_study(
        compare={"factors": [2, 4], "methods": ["depth", "width", "resolution", "formula"], "seeds": 2}
    )
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(BASE), encoding="utf-8")
    out = tmp_path / "out"
    nas("scale", "compare", tmp_path / "small.yaml", "--study", study, "--out", out, "--at", "macs")
    document = json.loads(nas("scale", "fit", out, "--of", "loss", "--json"))
    law = document["law"]
    count = 2 * len(document["rows"])
    assert (law["of"], law["error"], law["n"]) == ("macs", "loss", count)
    assert len(law["sizes"]) == len(law["errors"]) == len(law["residuals"]) == count
    assert law["floor_interval"][0] <= law["floor"] <= law["floor_interval"][1]
    assert law["held_out"]["mean"] >= 0
    assert document["laws"].keys() == {"macs", "params", "latency_ms"}
    assert any("against training images nothing is fitted" in said for said in document["said"])
    for name in ("fit.html", "report.html"):
        assert "The fitted law" in (out / name).read_text(encoding="utf-8")
    macs = sorted(row["macs"] for row in document["rows"])
    within = json.loads(nas("scale", "fit", out, "--macs", macs[-1], "--check", "--seeds", "1", "--json"))
    found = within["predicted"]
    assert found["size"] <= macs[-1]
    again = json.loads(nas("scale", "fit", out, "--macs", macs[-1], "--json"))
    assert again["predicted"]["predicted"] == found["predicted"]  # a check is no part of later fits
    assert found["low"] <= found["predicted"] <= found["high"]
    assert found["trained_low"] == found["trained"] == found["trained_high"]
    assert within["law"]["predicted"] == found
    measured = meter.measured.total()
    fast = json.loads(nas("scale", "fit", out, "--against", "latency_ms", "--latency-ms", "1.5", "--json"))
    assert meter.measured.total() > measured
    assert "measured" in fast["said"][-1]
    assert sum(row["name"].startswith("predicted best") for row in fast["rows"]) == 1
    for options, said in (
        (["--macs", "10"], "the budget must be at least what the cheapest factors within the bounds cost"),
        (["--against", "flops"], "can be fitted against macs, params, latency_ms, images, but not 'flops'"),
        (["--of", "error"], "a law is of accuracy (its error) or of loss, but got 'error'"),
        (["--check"], "give --macs or --latency-ms too"),
    ):
        code, _, err = run_nas("scale", "fit", out, *options)
        assert (code, said in " ".join(err.split())) == (2, True), err


def test_too_few_sizes_for_a_law_are_told(run_nas, nas, scaling_study, tmp_path, meter):
    study, out = scaling_study(grid=GRID | {"gamma": [1.0], "seeds": 1}), tmp_path / "out"
    nas("scale", "grid", study, "--out", out)
    code, _, err = run_nas("scale", "fit", out)
    assert code == 2
    assert "needs runs of at least 4 distinct sizes, but got 2" in " ".join(err.split())


def test_a_search_on_small_networks_is_scaled_up_and_told_whether_its_order_survives(
    nas, run_nas, tiny_study, write_study, tmp_path, meter
):
    tiny_study |= {"search": {"sampler": "random", "trials": 6, "seed": 1}, "finalists": {"count": 0}, "budgets": []}
    nas("search", write_study(tiny_study), "--out", tmp_path / "small")
    up = ("scale", "up", tmp_path / "small", "--method", "width", "--sample", "5", "--out", tmp_path / "up")
    document = json.loads(nas(*up, "--json"))
    rows = document["rows"]
    assert len(rows) == 5
    assert [row["small"] for row in rows] == sorted((row["small"] for row in rows), reverse=True)
    assert all(row["width"] == pytest.approx(2**0.5) and row["depth"] == 1 for row in rows)
    found = document["rank_correlation"]
    assert -1 <= found["low"] <= found["value"] <= found["high"] <= 1
    assert f"({found['low']:.2f} to {found['high']:.2f}, n 5)" in document["said"][0]
    assert (tmp_path / "up" / "scaling.html").is_file()
    assert "rank correlation" in nas(*up)
    code, _, err = run_nas("scale", "up", tmp_path / "small", "--sample", "9")
    assert (code, "has 6; ask for fewer with --sample" in " ".join(err.split())) == (2, True)
