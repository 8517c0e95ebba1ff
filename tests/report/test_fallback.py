"""What share of a sampler's decisions fell back to chance, in numbers, in words, on the page and in comparisons."""

from __future__ import annotations

import dataclasses

from make_records import STUDY, make_records

from nas.cli.live import line
from nas.report.aims import read_aims
from nas.report.fallback import Fallback, fallback
from nas.report.sections import SECTIONS
from nas.search import Progress
from nas.store.record import Record


def drawn(by: str, decisions: int, independent: int) -> Record:
    return Record(0, "complete", origin={"by": by, "drawn": decisions, "independent": independent})


def test_only_what_a_sampler_with_a_model_drew_counts() -> None:
    records = [
        drawn("nsga2", 9, 4),
        drawn("nsga2", 11, 1),
        Record(1, "complete", origin={"by": "near"}),
        dataclasses.replace(drawn("nsga2", 50, 50), role="baseline"),
    ]
    assert fallback(records) == Fallback("nsga2", 20, 5)
    assert fallback(records).words == "of 20 decisions that sampler nsga2 drew, 25.0% fell back to chance"
    assert Fallback("local", 9, 0).words == "of 9 decisions that sampler local drew, none fell back to chance"
    assert fallback([drawn("random", 9, 0)]) is None
    assert fallback([]) is None


def test_the_page_says_it() -> None:
    records = [dataclasses.replace(r, origin={"by": "gp", "drawn": 4, "independent": 1}) for r in make_records()]
    candidates = sum(record.role == "candidate" for record in records)
    text = SECTIONS["Search"](records, read_aims(STUDY), {})
    assert f"Of {4 * candidates:,} decisions that sampler gp drew, 25.0% fell back to chance." in text


def test_the_line_says_it_where_there_is_something_to_say() -> None:
    assert "chance" not in line(Progress("candidate", 8, drawn=40))
    assert "15% of decisions fell back to chance" in line(Progress("candidate", 8, drawn=40, independent=6))
