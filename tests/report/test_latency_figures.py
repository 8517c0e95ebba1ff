"""Latency against MACs, and predicted against measured."""

import dataclasses
import math
import random

import pytest
from make_records import STUDY, make_records, with_predictions

from nas.report.figures.predicted import predicted_figure
from nas.report.figures.tradeoff import MOST_NAMED, tradeoff_figure
from nas.report.latencies import predictor_error
from nas.report.tradeoff import tradeoff
from nas.store.record import Record

RECORDS = make_records()


def measured(trial: int, macs: float, ms: float, trusted: bool = True, role: str = "candidate", **rest) -> Record:
    latency = {"p50": ms, "low": ms, "high": ms, "trusted": trusted, "flags": []}
    values = {"accuracy": 0.9, "macs": macs, "latency_ms": ms}
    return Record(trial, "complete", role, values=values, latency=latency, **rest)  # type: ignore[arg-type]


def line(power: float = 0.5, count: int = 40, noise: float = 0.05) -> list[Record]:
    rng = random.Random(0)
    sizes = [1e5 * 10 ** (2 * i / count) for i in range(count)]
    return [measured(i, m, 1e-3 * m**power * math.exp(rng.gauss(0, noise))) for i, m in enumerate(sizes)]


def traces(figure):
    return {trace.name: trace for trace in figure.data if trace.name}


def test_the_line_is_that_of_the_logarithms_and_the_band_holds_what_it_says():
    found = tradeoff(line(count=400))
    assert found.fit is not None
    assert found.fit.power == pytest.approx(0.5, abs=0.01)
    assert found.fit.spread == pytest.approx(0.05, rel=0.1)
    inside = [1 / found.fit.factor(1e6) < found.fit.off(r) < found.fit.factor(1e6) for r in found.networks]
    assert sum(inside) / len(inside) == pytest.approx(0.9, abs=0.03)
    assert found.spearman > 0.98


def test_untrusted_latencies_and_baselines_are_no_part_of_the_fit():
    off = [measured(100, 1e6, 50.0, trusted=False), measured(0, 1e6, 90.0, role="baseline", name="zoo/a")]
    found, alone = tradeoff(line() + off), tradeoff(line())
    assert found.fit == alone.fit
    assert found.untrusted == 1
    assert len(found.networks) == 42


def test_a_finalist_stands_for_the_trial_that_it_comes_from():
    again = measured(0, 1e5, 0.4, role="finalist", source=0)
    found = tradeoff([*line(), again])
    assert len(found.networks) == 40
    assert again in found.networks


@pytest.mark.parametrize("records", [line(count=7), [measured(i, 1e6, 1.0 + i) for i in range(20)]])
def test_too_few_or_all_of_one_size_have_no_line(records):
    assert tradeoff(records).fit is None
    figure = tradeoff_figure(records, STUDY)
    assert "No line is fitted" in figure.layout.meta["summary"]
    assert "fit" not in traces(figure)


def test_networks_far_off_the_line_and_baselines_are_named():
    slow = [measured(200 + i, 1e6, 3.0 + i) for i in range(7)]
    baseline = measured(0, 2e6, 1.5, role="baseline", name="zoo/resnet8")
    figure = tradeoff_figure([*line(count=300), *slow, baseline], STUDY)
    named = [note.text for note in figure.layout.annotations]
    assert "resnet8" in named
    assert sum(name in {f"trial {200 + i}" for i in range(7)} for name in named) == MOST_NAMED
    assert "Furthest off: trial 206" in figure.layout.meta["summary"]


def test_what_is_left_over_is_drawn_below_for_every_network():
    figure = tradeoff_figure(RECORDS, STUDY)
    upper = [trace for trace in figure.data if trace.customdata is not None and trace.yaxis is None]
    lower = [trace for trace in figure.data if trace.yaxis == "y2"]
    found = tradeoff(RECORDS)
    assert sum(len(t.x) for t in upper) == sum(len(t.x) for t in lower) == len(found.networks)
    over = next(r for r in found.networks if r.role == "baseline")
    place = next(t for t in lower if "baseline/0" in t.customdata)
    index = list(place.customdata).index("baseline/0")
    assert place.y[index] == pytest.approx(found.fit.off(over) - 1, rel=1e-4)


def test_hollow_marks_are_those_that_are_not_trusted():
    figure = tradeoff_figure(RECORDS, STUDY)
    candidates = traces(figure)["candidate"]
    trusted = {str(r.trial): r.latency["trusted"] for r in RECORDS if r.role == "candidate" and r.latency}
    for trial, symbol in zip(candidates.customdata, candidates.marker.symbol, strict=True):
        assert symbol.endswith("-open") != trusted[trial]
    assert "not to be trusted (hollow)" in figure.layout.meta["summary"]


def test_nothing_measured_is_said():
    assert "No latency was measured" in tradeoff_figure([], STUDY).layout.meta["summary"]
    assert not tradeoff_figure([Record(0, "complete", values={"macs": 1.0})], STUDY).data


def test_predictions_are_drawn_with_intervals_against_measurements_and_what_was_decided():
    records = with_predictions(RECORDS)
    figure = predicted_figure(records, STUDY)
    by_name = traces(figure)
    over, passed = by_name["turned away by its measured latency"], by_name["measured, went on"]
    both = [r for r in records if r.role == "candidate" and r.predicted and r.latency]
    assert len(over.x) + len(passed.x) == len(both)
    assert len(over.x) == sum(r.gate == "latency" for r in both) > 0
    place = list(passed.customdata).index(str(next(r for r in both if r.gate is None).trial))
    first = next(r for r in both if r.gate is None)
    assert (passed.x[place], passed.y[place]) == pytest.approx(
        (first.values["latency_ms"], first.values["predicted_ms"]), rel=1e-4
    )
    above = passed.error_y.array[place]
    assert above == pytest.approx(first.interval["predicted_ms"][1] - first.values["predicted_ms"], rel=1e-2)
    summary = figure.layout.meta["summary"]
    error = predictor_error(records)
    assert f"{error['within10']:.0%} within 10%" in summary
    assert f"{error['coverage90']:.0%} in their 90% interval" in summary
    assert "9 candidates were turned away by prediction alone and never measured." in summary


def test_predictions_without_a_measurement_are_only_counted():
    only = [r for r in with_predictions(RECORDS) if r.gate == "predicted"]
    figure = predicted_figure(only, STUDY)
    assert not figure.data
    assert "9 candidates were turned away by prediction alone" in figure.layout.meta["summary"]
    one = [dataclasses.replace(only[0], trial=1)]
    assert "1 candidate was turned away" in predicted_figure(one, STUDY).layout.meta["summary"]


@pytest.mark.parametrize(
    "make", [tradeoff_figure, lambda records, study: predicted_figure(with_predictions(records), study)]
)
def test_five_thousand_networks_make_a_figure_of_bounded_size(make):
    records = make_records(1, 5000, 100)
    text = make(records, STUDY).to_json()
    assert len(text) < 1_100_000
