"""The benchmark of digits in order and by lot, on its made-up table."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.search_order import STAGES, WIDTHS, main, table, values, widths


def test_wider_networks_are_slower_and_balanced_ones_more_accurate() -> None:
    error, latency = values(np.array([[at] * STAGES for at in range(WIDTHS)])).T
    assert (np.diff(error) < 0.5).all()
    assert error[-1] < error[0] - 10
    assert (np.diff(latency) > 0).all()
    one_stage_less = values(np.array([[7, 7, 7, 7, 7], [7, 0, 7, 7, 7]]))
    assert one_stage_less[1, 0] > one_stage_less[0, 0] + 4
    assert one_stage_less[1, 1] < one_stage_less[0, 1]


def test_the_same_networks_have_other_digits() -> None:
    networks = widths()
    worth = values(networks)
    plain, by_lot = table(networks, worth, range(WIDTHS)), table(networks, worth, [3, 1, 0, 2, 4, 5, 7, 6])
    assert len(plain.rows) == WIDTHS**STAGES == len(worth)
    assert set(plain.rows) == set(by_lot.rows)
    assert plain.choices == by_lot.choices
    assert by_lot.rows["30217"] == plain.rows["02316"]


def test_each_sampler_searches_both_ways(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--samplers", "random,tpe,random", "--queries", "12", "--seeds", "2", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    ways = [(row["sampler"], row["digits"]) for row in rows]
    assert ways == [(name, digits) for name in ("random", "tpe") for digits in ("in order", "by lot")]
    assert all(0 < row["hv@12"] < 1 and len(row["each"]) == 2 for row in rows)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samplers", "tpe,surogate"], "did you mean 'surrogate'"),
        (["--queries", "0"], "must be between 1 and 32768 and --seeds at least 1, but got 0 and 10"),
        (["--queries", "40000"], "but got 40000 and 10"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(options)
    assert message in capsys.readouterr().err
