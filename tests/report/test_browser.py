"""The page in a real browser: drawn, quiet, readable, answering."""

from __future__ import annotations

import json

import pytest
from axe import barriers, needs_axe
from cases import CASES, HOSTILE
from chromium import Page, browser, find_chromium
from make_records import ENV, STUDY, make_records
from make_stages import make_stages

from nas.report import front, front_svg
from nas.report.best_network import drawn_networks
from nas.report.page import page
from nas.report.words import network, reference

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="there is no chromium on PATH"),
]
RECORDS = make_records()


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    networks = {reference(record): {"rows": make_stages()} for record in drawn_networks(RECORDS, STUDY)}
    path.write_text(page(RECORDS, STUDY, ENV, networks), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def quiet(tab: Page):
    tab.problems.clear()
    tab.requests.clear()
    yield
    assert tab.problems == []
    assert all(url.startswith(("file:", "data:", "blob:", "about:")) for url in tab.requests)


def count(tab: Page) -> str:
    return tab.run("document.querySelector('#networks .count').textContent")


def first_cells(tab: Page, column: int) -> list[str]:
    script = "[...document.querySelectorAll('#networks tbody tr')].map(r => r.cells[%d].textContent)"
    found: list[str] = tab.run(script % column)
    return found


@pytest.mark.parametrize(("width", "dark", "touch"), [(1280, False, False), (1280, True, False), (390, False, True)])
def test_all_figures_are_drawn_and_the_page_does_not_scroll_sideways(tab, report, width, dark, touch):
    tab.view(width, 900, dark=dark, touch=touch)
    tab.open(report)
    assert tab.run("document.documentElement.dataset.drawn") == "9"
    assert tab.run("document.documentElement.dataset.errors") is None
    assert tab.run("document.querySelectorAll('.plot .trace, .plot .bars, .plot .scatterlayer').length") >= 5
    assert tab.run("document.documentElement.scrollWidth") == width
    paper = tab.run("getComputedStyle(document.querySelector('.plot .main-svg')).backgroundColor")
    assert paper == tab.run("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 24, 28)" if dark else "rgb(255, 255, 255)")


@needs_axe
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_no_serious_barrier(tab, report, dark):
    tab.view(dark=dark)
    tab.open(report)
    assert barriers(tab) == []


def test_a_change_of_theme_recolours_the_figures(tab, report):
    tab.view()
    tab.open(report)
    tab.view(dark=True)
    tab.wait("getComputedStyle(document.querySelector('.plot .main-svg')).backgroundColor === 'rgb(20, 24, 28)'")
    tab.wait("document.documentElement.dataset.drawn === '9'")


def test_the_table_sorts_filters_and_opens_by_mouse_and_keyboard(tab, report):
    tab.view()
    tab.open(report)
    assert count(tab) == "67 networks"
    best_first = first_cells(tab, 1)
    assert best_first == sorted(best_first, reverse=True)
    tab.run("document.querySelectorAll('#networks th button')[2].focus()")
    tab.key("Enter")
    assert tab.run("document.querySelectorAll('#networks th')[2].ariaSort") == "descending"
    tab.key("Enter")
    fastest_first = [float(text.split()[0]) for text in first_cells(tab, 2)]
    assert fastest_first == sorted(fastest_first)
    tab.run("document.querySelector('#networks input[type=search]').focus()")
    tab.type("baseline")
    tab.wait("document.querySelector('#networks .count').textContent === '4 of 67 networks'")
    tab.run("document.querySelector('#networks input[type=search]').value = ''")
    tab.run("document.querySelector('#networks input[type=search]').dispatchEvent(new Event('input'))")
    tab.run("document.querySelectorAll('#networks input[type=checkbox]')[0].click()")
    tab.run("document.querySelectorAll('#networks input[type=checkbox]')[1].click()")
    members = len(front(RECORDS, STUDY))
    assert count(tab) == f"{members} of 67 networks"
    tab.run("document.querySelector('#networks .toggle').focus()")
    tab.key("Enter")
    assert "s1.repeat" in tab.run("document.querySelector('#networks .details').textContent")
    assert tab.run("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_more_rows_are_shown_on_demand(tab, report):
    tab.view()
    tab.open(report)
    assert len(first_cells(tab, 0)) == 25
    tab.click("#networks .more button")
    tab.wait("document.querySelectorAll('#networks tbody tr').length === 67")


def test_pointing_at_the_best_tells_its_architecture(tab, report):
    tab.view()
    tab.open(report)
    tab.run("document.querySelector('#front .plot').scrollIntoView({block: 'center', behavior: 'instant'})")
    x, y = tab.run("""(() => {
        const plot = document.querySelector('#front .plot'), box = plot.getBoundingClientRect();
        const trace = plot.data.find((t) => t.name === 'finalist, retrained'), full = plot._fullLayout;
        const across = full.xaxis._offset + full.xaxis.d2p(trace.x[0]);
        return [box.x + across, box.y + full.yaxis._offset + full.yaxis.d2p(trace.y[0])];
    })()""")
    for shift in (-2, -1, 0):
        tab.mouse("mouseMoved", x + shift, y)
    tab.wait("document.querySelector('#front .hovertext') !== null")
    words = tab.run("document.querySelector('#front .hovertext').textContent")
    assert "retrained" in words
    assert "s1: repeat" in words


def test_brushing_an_axis_filters_the_table_and_clearing_brings_it_back(tab, report):
    tab.view()
    tab.open(report)
    tab.run("document.querySelector('#decisions').scrollIntoView({behavior: 'instant'})")
    x, top, bottom = tab.run("""(() => {
        const plot = document.querySelector('#decisions .plot'), box = plot.getBoundingClientRect();
        const { xaxis, yaxis, shapes } = plot._fullLayout, place = (v) => box.y + yaxis._offset + yaxis.d2p(v);
        return [box.x + xaxis._offset + xaxis.d2p(shapes.length - 1), place(1.04), place(0.7)];
    })()""")
    tab.mouse("mouseMoved", x - 12, top)
    tab.mouse("mousePressed", x - 12, top, button="left", clickCount=1)
    for step in range(1, 6):
        tab.mouse("mouseMoved", x - 12 + 4.8 * step, top + (bottom - top) * step / 5, button="left", buttons=1)
    tab.mouse("mouseReleased", x + 12, bottom, button="left", clickCount=1)
    tab.wait("document.querySelector('#networks .count').textContent.includes(' of 67')")
    done = [r.values["accuracy"] for r in RECORDS if r.role == "candidate" and r.state == "complete"]
    limit = min(done) + 0.7 * (max(done) - min(done))
    assert count(tab) == f"{sum(a >= limit for a in done)} of 67 networks"
    tab.click("#networks .tools button")
    tab.wait("document.querySelector('#networks .count').textContent === '67 networks'")
    assert tab.run("document.querySelector('#decisions .plot').data.length") == 5


def test_a_figure_can_be_taken_away_as_a_picture(tab, report):
    tab.view()
    tab.open(report)
    made = tab.run("Plotly.toImage(document.querySelector('#front .plot'), {format: 'png', width: 800, height: 500})")
    assert made.startswith("data:image/png;base64,")
    assert len(made) > 5000


@pytest.mark.parametrize("case", ["empty", "no latency", "only infeasible", "broken values", "hostile"])
def test_odd_studies_are_drawn_without_a_complaint(tab, tmp_path, case):
    records, study = CASES[case]
    path = tmp_path / "report.html"
    path.write_text(page(records, study, {HOSTILE: HOSTILE}), encoding="utf-8")
    tab.view(390, 800)
    tab.open(path)
    places = tab.run("document.querySelectorAll('[data-figure]').length")
    assert tab.run("document.documentElement.dataset.drawn") == str(places)
    assert tab.run("document.documentElement.dataset.errors") is None
    assert tab.run("document.documentElement.scrollWidth") == 390
    assert tab.run("document.title") != "taken"
    assert tab.run("document.images.length") == 0


def test_five_thousand_networks_are_drawn_and_filtered(tab, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page(make_records(1, 5000, 100), STUDY, ENV), encoding="utf-8")
    tab.view()
    tab.open(path)
    assert count(tab) == "5,007 networks"
    tab.run("document.querySelector('#networks input[type=search]').focus()")
    tab.type("transformer")
    tab.wait("document.querySelector('#networks .count').textContent.includes(' of 5,007 networks')")
    assert tab.run("document.documentElement.dataset.errors") is None


def test_the_picture_of_the_front_is_drawn(tab, tmp_path):
    path = tmp_path / "front.html"
    svg = front_svg(RECORDS, STUDY)
    path.write_text(f"<!DOCTYPE html><html data-ready='yes'><body style='margin:0'>{svg}", encoding="utf-8")
    tab.view(880, 480)
    tab.open(path)
    names = json.dumps([network(r) for r in RECORDS if r.role == "baseline"])
    boxes = tab.run(
        f"[...document.querySelectorAll('text')].filter(t => {names}.includes(t.textContent))"
        ".map(t => { const b = t.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })"
    )
    assert len(boxes) == 4
    for i, a in enumerate(boxes):
        assert 0 <= a[0] < a[2] <= 880
        for b in boxes[i + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
