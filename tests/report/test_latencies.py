"""Predicted, measured, measured again: whose numbers they are, in the terminal, the page and the files."""

from __future__ import annotations

import dataclasses
import re

import pytest
from make_records import ENV, STUDY, make_records, with_predictions
from rich.console import Console

from nas.report import latencies_of, latency_table
from nas.report.files import front_document
from nas.report.latencies import error_words, predictor_error, with_search
from nas.report.page import page
from nas.report.trials import trials_table


@pytest.fixture(scope="module")
def records():
    return with_predictions(make_records())


def of_role(records, role):
    return [record for record in records if record.role == role]


def test_a_finalist_has_the_readings_of_the_trial_it_was_found_in_and_its_own(records):
    for finalist in of_role(records, "finalist"):
        source = next(r for r in of_role(records, "candidate") if r.trial == finalist.source)
        found = latencies_of(finalist, records)
        assert (found.predicted.ms, found.predicted.low) == (source.predicted["p50"], source.predicted["low"])
        assert (found.searched.ms, found.searched.high) == (source.latency["p50"], source.latency["high"])
        assert found.again.ms == finalist.latency["p50"]
        assert found.again.trusted == finalist.latency["trusted"]
        assert latencies_of(source, records).again == found.again


def test_a_known_network_was_only_measured_at_the_end(records):
    (first, *_) = of_role(records, "baseline")
    found = latencies_of(first, records)
    assert (found.predicted, found.searched) == (None, None)
    assert found.again.ms == first.latency["p50"]
    assert found.to_json() == {
        "predicted": None,
        "in_search": None,
        "again": {"ms": first.latency["p50"], "low": first.latency["low"], "high": first.latency["high"],
                  "trusted": first.latency["trusted"]},
    }  # fmt: skip


def test_a_finalist_whose_trial_is_gone_has_its_own_reading(records):
    finalist = of_role(records, "finalist")[0]
    found = latencies_of(finalist, of_role(records, "finalist"))
    assert found.predicted is None
    assert found.again is not None


def test_the_error_is_that_of_predictions_made_before_trusted_measurements(records):
    error = predictor_error(records)
    told = [r for r in of_role(records, "candidate") if r.predicted and r.latency and r.latency["trusted"]]
    off = [abs(r.predicted["p50"] / r.latency["p50"] - 1) for r in told]
    assert error["n"] == len(told) < sum(r.latency is not None for r in of_role(records, "candidate"))
    assert error["within5"] == pytest.approx(sum(x <= 0.05 for x in off) / len(off))
    assert error["within10"] > 0.9
    assert 0.8 < error["coverage90"] < 1
    assert error["spearman"] > 0.95
    assert error_words(error).startswith(f"predicted before they were measured, {len(told)} candidates: Spearman 0.9")
    assert predictor_error(make_records()) is None


def test_equal_times_have_no_rank_correlation(records):
    one = next(r for r in records if r.predicted and r.latency and r.latency["trusted"])
    error = predictor_error([one])
    assert error["spearman"] is None
    assert "Spearman" not in error_words(error)


def text_of(table):
    console = Console(width=140, record=True, file=None)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_the_terminal_shows_the_three_side_by_side(records):
    text = text_of(latency_table(records, STUDY))
    for finalist in of_role(records, "finalist"):
        (row,) = [line for line in text.splitlines() if line.lstrip().startswith(f"trial {finalist.source} ")]
        readings = re.findall(r"([\d.]+) \[([\d.]+), ([\d.]+)\]", row)
        assert len(readings) == 3
        assert float(readings[2][0]) == pytest.approx(finalist.values["latency_ms"], abs=0.001)
    assert "within 10%" in text


def test_without_a_predictor_and_without_finalists_there_is_nothing_to_compare():
    plain = make_records()
    assert "predicted (ms)" in text_of(latency_table(plain, STUDY))
    assert "within 10%" not in text_of(latency_table(plain, STUDY))
    assert latency_table([r for r in plain if r.role != "finalist"], STUDY) is None


def test_front_json_has_the_predictions_beside_the_measurements(records):
    document = front_document(records, STUDY)
    assert document["predictor"] == predictor_error(records)
    best = document["best"]
    assert best["role"] == "finalist"
    source = next(r for r in of_role(records, "candidate") if r.trial == latencies_source(records, best))
    assert best["values"]["predicted_ms"] == source.predicted["p50"]
    assert best["values"]["search_latency_ms"] == source.latency["p50"]
    assert best["interval"]["predicted_ms"] == [source.predicted["low"], source.predicted["high"]]
    assert best["values"]["latency_ms"] != best["values"]["search_latency_ms"]
    assert front_document(make_records(), STUDY)["predictor"] is None


def latencies_source(records, document):
    return next(r.source for r in of_role(records, "finalist") if r.trial == document["trial"])


def test_the_table_of_trials_has_them_too(records):
    table = trials_table(with_search(records), STUDY).to_pandas()
    finalists = table[table["role"] == "finalist"]
    assert finalists["predicted_ms"].notna().all()
    assert finalists["low.search_latency_ms"].notna().all()
    assert table.loc[table["gate"] == "predicted", "predicted_ms"].notna().all()


def test_the_page_shows_them_with_their_intervals(records):
    text = page(records, STUDY, ENV)
    section = text[text.index('<section id="latency"') :]
    section = section[: section.index("</section>")]
    assert "Predicted, measured, measured again" in section
    assert "Predicted before they were measured" in section
    finalist = of_role(records, "finalist")[0]
    row = re.search(rf'<th scope="row">trial {finalist.source}</th>(.*?)</tr>', section)
    assert row is not None
    assert row[1].count('<span class="interval">[') == 3
    assert "Predicted before" not in page(make_records(), STUDY, ENV)


def test_a_measurement_not_to_be_trusted_is_marked(records):
    finalist = of_role(records, "finalist")[0]
    doubtful = dataclasses.replace(finalist, latency={**finalist.latency, "trusted": False})
    others = [doubtful if record is finalist else record for record in records]
    row = next(
        line for line in text_of(latency_table(others, STUDY)).splitlines()
        if line.lstrip().startswith(f"trial {finalist.source} ")
    )  # fmt: skip
    assert row.rstrip().endswith("?")
