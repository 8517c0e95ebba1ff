"""Networks as the predictor sees them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from nas.cost import CostTable
from nas.measure.predictor import Predictor, count_digits, count_plan
from nas.space import load_network, load_space

SPACE = {
    "nas": 1,
    "name": "predicted",
    "input": {"resolution": {"choice": [16, 24, 32]}},
    "classes": 10,
    "stem": [{"conv": {"out": 8, "stride": 2}}],
    "stages": [
        {
            "name": name,
            "repeat": {"range": [1, 3]},
            "out": {"choice": [8, 16]},
            "stride": 2,
            "per": "block",
            "block": {
                "choice": [
                    {"mbconv": {"kernel": {"choice": [3, 5]}, "attention": {"choice": ["none", "se"]}}},
                    "basic",
                ]
            },
        }
        for name in ("s1", "s2")
    ],
    "head": ["pool", "classifier"],
}
TABLE = CostTable()


def plans(count: int, seed: int = 0):
    space, rng = load_space(SPACE, TABLE), random.Random(seed)
    return [space.decode(space.sample(rng)) for _ in range(count)]


def test_every_operator_is_counted_once_at_the_coarsest_level():
    (plan,) = plans(1)
    counts = count_plan(plan, TABLE.step)
    of = lambda what: sum(amount for name, amount in counts.levels[0].items() if name.startswith(what))  # noqa: E731
    assert of("count:") == len(plan.steps)
    assert of("macs:") == TABLE.plan(plan).macs
    assert of("activations:") == TABLE.plan(plan).activations
    assert counts.kind != count_plan(plan).kind


def test_finer_levels_tell_fields_stages_and_shapes_apart():
    found = [count_plan(plan) for plan in plans(40)]
    names = [set().union(*(each.levels[i] for each in found)) for i in range(4)]
    assert {"count:mbconv", "count:basic"} <= names[0]
    assert {"count:mbconv.kernel=5", "count:mbconv.attention=se", "elements:mbconv.kernel=5"} <= names[1]
    assert {"count:s1/mbconv", "count:s2/mbconv.kernel=3"} <= names[2]
    assert any(name.startswith("count:s1.2/") for name in names[3])
    assert any(name.endswith(" 8x16x16") for name in names[3])


def test_the_operations_of_a_cell_are_counted_as_often_as_they_occur():
    file = Path(__file__).parents[2] / "search_spaces" / "zoo" / "nasbench201_best.yaml"
    counts = count_plan(load_network(file, TABLE))
    cells = counts.levels[0]["count:cell"]
    conv3 = counts.levels[1]["count:cell.~conv3"]
    single = counts.levels[1]["count:cell.edges.0>1=conv3"]
    assert cells == 15
    assert conv3 == pytest.approx(round(conv3 / single) * single)
    assert conv3 > single


def test_times_that_follow_macs_and_kernels_are_learnt_from_plans():
    known, held = plans(80), plans(150, seed=1)

    def ms(plan):
        return 0.1 + sum(
            0.02 + TABLE.step(step).macs * (3e-6 if step.block.fields.get("kernel") == 5 else 1e-6)
            for step in plan.steps
        )

    counted = [count_plan(plan, TABLE.step) for plan in known]
    predictor = Predictor.fit(counted, [ms(plan) for plan in known])
    p50, low, high = predictor.predict([count_plan(plan, TABLE.step) for plan in held])
    true = np.array([ms(plan) for plan in held])
    assert np.mean(np.abs(p50 / true - 1) < 0.05) > 0.9
    assert np.mean((low <= true) & (true <= high)) > 0.8


def test_bare_plans_are_counted_without_costs():
    known = plans(12)
    predictor = Predictor.fit(known, [len(plan.steps) for plan in known])
    np.testing.assert_allclose(predictor.predict(known).p50, [len(plan.steps) for plan in known], rtol=0.05)


def test_separators_between_digits_are_left_out():
    assert count_digits("0,1,2") == count_digits("012")
    assert count_digits("0 1 2").kind == "3 digits"


def test_windows_only_where_there_are_many_positions():
    assert len(count_digits("012345").levels) == 2
    assert len(count_digits("0123456").levels) == 3
    near = count_digits("0" * 22).levels[1]
    assert {name.partition("@")[0] for name in near} == {"count:3", "count:5", "count:9"}
