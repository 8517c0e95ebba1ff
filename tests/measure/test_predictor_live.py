"""The benchmark of the predictor on this machine, with a meter that takes no time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from made_up_meter import SPACE, MadeUpMeter

from nas.measure import Device
from nas.measure.alone import Alone, from_block
from nas.study.spaces import open_space

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import predictor_live as live
from benchmarks.predictor_blocks import LookupTable


class Meters(MadeUpMeter):
    """Stands in for the class: what is measured in all counts."""

    count = 0

    def __init__(self, device=None, protocol=None, **options):
        super().__init__()

    def measure(self, architecture, budget_ms=None, **options):
        Meters.count += 1
        return super().measure(architecture)


def test_a_run_that_was_cut_goes_on_and_prints_all_predictors(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(live, "Meter", Meters)
    monkeypatch.setattr("benchmarks.predictor_blocks.Meter", Meters)
    monkeypatch.setattr(live, "open_space", lambda name, resolution: open_space(SPACE))
    monkeypatch.setattr("nas.study.calibration_run.LEAST_POOL", 60)
    arguments = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out.json"), "--spaces", "mobile",
                 "--runtimes", "eager", "--networks", "30", "--hold-out", "12", "--lookup", "--json"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["predictor_live", *arguments])
    live.main()
    first = json.loads(capsys.readouterr().out)
    assert first == json.loads((tmp_path / "out.json").read_text())
    ours, *others = first["rows"]
    assert ours["who"] == live.OURS
    assert ours["n"] == 12
    assert ours["learnt from"] == 30
    assert ours["within 10"] > 0.9
    assert ours["coverage"] > 0.6
    assert [row["who"] for row in others] == [
        live.CONVERGED, live.BARE, live.OURS, live.BARE,
        "ridge on MACs and activations", "gradient boosting", "blocks measured alone, added",
    ]  # fmt: skip
    assert all(row["spearman"] > 0 for row in others)
    assert all(row["coverage"] is None for row in others[4:])
    assert first["environment"]["versions"]["torch"]
    measured = Meters.count
    live.main()
    assert Meters.count == measured + 2  # one network, to see whether the device is as fast as it was, and one block
    assert json.loads(capsys.readouterr().out)["rows"] == first["rows"]


def test_a_block_alone_is_built_with_the_input_that_it_gets_in_its_network():
    space = open_space(SPACE)
    plan = space.decode(space.walk(lambda decision: decision.values[0]))
    for step in plan.steps:
        alone = Alone(step.block, step.in_shape)
        module, shape = from_block(json.loads(json.dumps(alone.to_json())), seed=0)

        with torch.inference_mode():
            out = module(torch.randn(1, *shape))
        assert tuple(out.shape) == step.out_shape.tensor()
    assert len({Alone(step.block, step.in_shape).arch_id for step in plan.steps}) > 1


def test_the_sum_of_a_network_with_an_unknown_block_is_not_a_number(tmp_path):
    space = open_space(SPACE)
    plan = space.decode(space.walk(lambda decision: decision.values[0]))
    table = LookupTable(tmp_path / "blocks.jsonl", Device())
    assert table.total(plan) != table.total(plan)
