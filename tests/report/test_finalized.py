"""What `nas finalize` came to, as a section and as a table."""

from __future__ import annotations

import json

from make_records import ENV, STUDY, make_records

from nas.report import write_report
from nas.report.finalized import DASH, finalized_cells, finalized_section


def row(name="trial 7", value=0.97, **changes):
    found = {
        "trial": 7,
        "name": name,
        "arch_id": "ab",
        "search": {
            "state": "complete", "epochs": 8, "value": 0.95, "interval": [0.94, 0.96], "latency_ms": 1.2,
            "latency_interval": [1.19, 1.21], "predicted_ms": None,
        },
        "value": value,
        "interval": [0.96, 0.98],
        "runs": {"1": 0.965, "2": 0.975},
        "best_run": "finalist/1",
        "in_budget": True,
        "over": [],
        "values": {},
        "latency_ms": 1.25,
        "latency_interval": [1.24, 1.26],
        "trusted": True,
        "failed": [],
    }  # fmt: skip
    return found | changes


def document(*rows, **changes):
    found = {
        "study": "photos", "objective": "maximize accuracy", "epochs": 300, "search_epochs": 8, "distill": None,
        "networks": list(rows), "baselines": [], "best": None, "rankings": {}, "environment": {},
        "said": ["the ranking of the search by accuracy held: all"],
    }  # fmt: skip
    return found | changes


def test_the_search_stands_beside_what_is_now():
    heads, rows = finalized_cells(document(row()))
    assert heads == [
        "network",
        "accuracy in the search",
        "accuracy (%)",
        "each seed",
        "latency in the search",
        "latency (ms)",
        "in budget",
    ]
    assert rows == [["trial 7", "95.00 ±1.00", "97.00 ±1.00", "96.50 97.50", "1.200 ±0.010", "1.250 ±0.010", "yes"]]


def test_what_is_not_known_is_a_dash_and_doubt_is_shown():
    bare = {"value": None, "over": [], "in_budget": False, "values": {}, "best_run": None, "latency_ms": None}
    failed = {
        key: value for key, value in row().items() if key in ("trial", "name", "arch_id", "search", "failed")
    } | bare
    early = row(search=row()["search"] | {"state": "pruned", "epochs": 2, "latency_ms": None})
    over = row(over=["latency_ms <= 1"], in_budget=False, trusted=False)
    cells = finalized_cells(document(failed, early, over))[1]
    assert cells[0][2:] == [DASH, DASH, "1.200 ±0.010", DASH, DASH]
    assert cells[1][1] == "95.00 ±1.00 (2 epochs)"
    assert cells[1][4] == DASH
    assert cells[2][5:] == ["1.250 ±0.010 ?", "no: latency"]


def test_a_section_says_it_in_words_and_cannot_be_markup():
    hostile = "<script>alert(1)</script>"
    made = finalized_section(document(row(hostile), said=[hostile], distill={"temperature": 4.0, "weight": 0.5}))
    assert hostile not in made
    assert "for 300 epochs with a teacher (temperature 4, weight 0.5)" in made


def test_the_report_has_it_where_it_was_done(tmp_path):
    records = make_records(trained=6, rejected=3)
    write_report(tmp_path, records, STUDY, ENV)
    assert 'id="finalized"' not in (tmp_path / "report.html").read_text()
    (tmp_path / "finalized").mkdir()
    (tmp_path / "finalized" / "finalized.json").write_text(json.dumps(document(row())))
    write_report(tmp_path, records, STUDY, ENV)
    text = (tmp_path / "report.html").read_text()
    assert '<a href="#finalized">Finalized</a>' in text
    assert "The ranking of the search by accuracy held" in text
    assert text.index('id="comparison"') < text.index('id="finalized"') < text.index('id="search"')
