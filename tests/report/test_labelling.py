"""Labels go where they cover the least and stay inside."""

from __future__ import annotations

import pytest
from chromium import Page, browser, find_chromium
from make_records import ENV, STUDY

from nas.report.figures.front import front_figure
from nas.report.labelling import around, beside, least_covered, overlap
from nas.report.page import page
from nas.store.record import Record

FRAME = (0.0, 0.0, 400.0, 300.0)
BUDGET_MS = 1.5  # that of STUDY


def trained(trial: int, accuracy: float, latency_ms: float) -> Record:
    return Record(
        trial,
        "complete",
        arch_id=f"{trial:016x}",
        decisions={f"s{stage}.0.block.mbconv.kernel": 3 for stage in range(12)},
        values={"accuracy": accuracy, "latency_ms": latency_ms, "macs": 1e6, "params": 1e5},
        interval={
            "accuracy": (accuracy - 0.01, accuracy + 0.004),
            "latency_ms": (latency_ms - 0.01, latency_ms + 0.01),
        },
        constraints={"latency_ms <= 1.5": latency_ms - BUDGET_MS},
        curve=({"epoch": 1, "accuracy": accuracy},),
    )


# The best is the fastest, so at the left edge; the slowest are near the budget, so that is at the right edge.
RECORDS = [trained(number, 0.9954 - 0.01 * number, 0.5 + 0.16 * number) for number in range(7)]


@pytest.mark.parametrize("corner", [(2, 2), (398, 2), (2, 298), (398, 298)])
@pytest.mark.parametrize("places", [beside, around])
def test_a_label_at_a_corner_stays_inside(places, corner):
    _, box = least_covered(places(*corner, 120), 120, [], FRAME)
    assert box[0] >= -2
    assert box[1] >= 0
    assert box[2] <= 402
    assert box[3] <= 302


def test_a_label_goes_where_nothing_is():
    taken = [(200.0, 0.0, 400.0, 300.0)]  # all on the right
    _, box = least_covered(beside(190, 150, 80), 80, taken, FRAME)
    assert overlap(box, taken[0]) == 0
    assert box[2] < 200


def leader_note():
    [found] = [a for a in front_figure(RECORDS, STUDY).layout.annotations if a.name == "spare"]
    return found


def test_the_words_about_the_best_go_to_the_right_of_a_mark_at_the_left_edge():
    found = leader_note()
    assert "best: 99.54%" in found.text
    assert found.xanchor == "left"
    assert found.ax > 0


def test_the_words_of_a_budget_at_the_right_edge_stand_on_its_left():
    [found] = [a for a in front_figure(RECORDS, STUDY).layout.annotations if "latency" in a.text]
    assert found.xanchor == "right"
    assert found.xshift < 0


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="there is no chromium on PATH")
def test_the_page_fits_a_screen_of_1300_pixels(tmp_path):
    (tmp_path / "report.html").write_text(page(RECORDS, STUDY, ENV), encoding="utf-8")
    with browser(tmp_path / "profile") as tab:
        tab.view(1300, 900)
        tab.open(tmp_path / "report.html")
        check(tab)


def check(tab: Page) -> None:
    sizes = "(e => [e.scrollWidth, e.clientWidth])(document.querySelector('#networks .scroll'))"
    inside, box = tab.run(sizes)
    assert inside <= box
    script = """(() => {
      const frame = document.querySelector('[data-figure="front-figure"] .nsewdrag').getBoundingClientRect();
      return [...document.querySelectorAll('[data-figure="front-figure"] .annotation-text')]
        .map(e => [e.textContent, e.getBoundingClientRect()])
        .map(([words, box]) => [words, box.left - frame.left, frame.right - box.right]);
    })()"""
    found = tab.run(script)
    assert len(found) == 2
    for words, left, right in found:
        assert left >= 0, words
        assert right >= 0, words
