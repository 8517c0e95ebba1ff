"""What several trainings of the networks of a search come to."""

from __future__ import annotations

import pytest

from nas.report.aims import read_aims
from nas.store import Record, Results
from nas.store.files import write_json
from nas.study.finalized import best_run, environment_differences, ranking_of, rows_of

AIMS = read_aims({"name": "s", "objectives": ["maximize accuracy", "minimize latency_ms"]})
BUDGET = "latency_ms <= 2"


def searched(trial, accuracy, *, state="complete", latency=1.0):
    values = {"accuracy": accuracy, "latency_ms": latency}
    interval = {"accuracy": (accuracy - 0.02, accuracy + 0.02), "latency_ms": (latency - 0.01, latency + 0.01)}
    return Record(trial, state, "candidate", f"a{trial}", values=values, interval=interval)


def final(number, source, seed, accuracy, *, latency=1.0, state="complete", images=1000):
    values = {"accuracy": accuracy, "latency_ms": latency, "validation_images": images}
    return Record(
        number,
        state,
        "finalist",
        f"a{source}",
        name=f"trial {source}, seed {seed}",
        decisions={"recipe.seed": seed},
        values=values,
        interval={"accuracy": (accuracy - 0.03, accuracy + 0.03), "latency_ms": (latency - 0.1, latency + 0.1)},
        constraints={BUDGET: latency - 2},
        reason="nan" if state == "failed" else None,
        source=source,
    )


def rows(*finals, **others):
    before = {f"trial {trial}": searched(trial, accuracy) for trial, accuracy in ((1, 0.9), (2, 0.8), (3, 0.7))}
    return rows_of(finals, AIMS, before | others)


def test_seeds_make_a_mean_and_their_noise_its_interval():
    found = rows(final(0, 1, 1, 0.95), final(1, 2, 1, 0.85), final(2, 1, 2, 0.97), final(3, 2, 2, 0.87))
    first, second = found
    assert (first["name"], first["value"]) == ("trial 1", pytest.approx(0.96))
    assert first["runs"] == {"1": 0.95, "2": 0.97}
    half = 4.302653 * 0.0141421 / 2**0.5  # t of two degrees of freedom, pooled deviation, two seeds
    assert first["interval"] == (pytest.approx(0.96 - half, abs=1e-4), 1.0), "a share is at most one"
    assert second["interval"] == (pytest.approx(0.86 - half, abs=1e-4), pytest.approx(0.86 + half, abs=1e-4))
    assert first["best_run"] == "finalist/2"
    assert first["latency_interval"] == (0.9, 1.1)


def test_of_one_seed_each_the_interval_is_that_of_counting():
    (row,) = rows(final(0, 1, 1, 0.95))
    assert row["interval"] == (pytest.approx(0.92), pytest.approx(0.98))


def test_seeds_that_agree_by_chance_leave_the_width_of_an_image():
    found = rows(final(0, 1, 1, 0.9), final(1, 1, 2, 0.9), final(2, 2, 1, 0.8995), final(3, 2, 2, 0.8995))
    assert found[0]["interval"] == (pytest.approx(0.899), pytest.approx(0.901))
    assert ranking_of([*found, *rows(final(4, 3, 1, 0.5), final(5, 3, 2, 0.5))], "accuracy", maximize=True).told == 2


def test_within_the_budgets_is_who_is_so_on_average():
    over, inside = (
        rows(final(0, 1, 1, 0.9, latency=1.9), final(1, 1, 2, 0.9, latency=late))[0] for late in (2.2, 2.05)
    )
    assert (over["in_budget"], over["over"]) == (False, [BUDGET])
    assert (inside["in_budget"], inside["over"]) == (True, [])


def test_trainings_that_failed_are_told_and_left_out():
    found = rows(final(0, 1, 1, 0.9), final(1, 1, 2, 0.0, state="failed"), final(2, 2, 1, 0.0, state="failed"))
    assert found[0]["value"] == 0.9
    assert found[0]["failed"] == ["seed 2 failed: nan"]
    assert (found[1]["value"], found[1]["best_run"], found[1]["in_budget"]) == (None, None, False)


def test_what_the_search_stopped_early_has_no_place_in_its_ranking():
    early = {"trial 3": searched(3, 0.95, state="pruned")}
    found = rows(final(0, 1, 1, 0.95), final(1, 2, 1, 0.85), final(2, 3, 1, 0.75), **early)
    assert ranking_of(found, "accuracy", maximize=True).pairs == 1
    assert ranking_of(rows(final(0, 1, 1, 0.95), final(1, 2, 1, 0.85)), "latency_ms", maximize=False).pairs == 1


def test_the_weights_are_those_of_the_best_seed():
    records = [final(0, 1, 1, 0.95), final(1, 1, 2, 0.97)]
    (row,) = rows(*records)
    assert best_run({"best": {"record": row["best_run"]}}, records) is records[1]
    assert best_run({"best": None}, records) is None


def test_of_environments_only_what_both_know_and_latency_depends_on_is_compared(tmp_path):
    for name in ("then", "now"):
        (tmp_path / name).mkdir()
    write_json(tmp_path / "then" / "env.json", {"torch": "2.12", "threads": 2, "host": "a", "nas": "0.1"})
    write_json(tmp_path / "now" / "env.json", {"torch": "2.13", "threads": 2, "host": "a", "nas": "0.2", "gpu": None})
    found = environment_differences(Results(tmp_path / "then"), Results(tmp_path / "now"))
    assert found == {"torch": ["2.12", "2.13"]}
