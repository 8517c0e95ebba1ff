import base64
import hashlib
import json
import re

import pytest
from cases import HOSTILE
from chromium import browser, find_chromium
from make_records import STUDY, make_records
from make_scaled import base_row, compare_document, fit_document, grid_document, method_rows
from test_page import Elements

from nas.report.page import page
from nas.report.scaling_page import scaling_page, table_rows

DOCUMENTS = {
    "grid": grid_document(),
    "compare": compare_document(),
    "fit": fit_document(),
    "apply": fit_document("apply"),
    "no law": {key: value for key, value in fit_document("apply").items() if key != "law"},
    "no latency": compare_document() | {"rows": method_rows(latency=False)},
    "one": compare_document() | {"rows": [base_row()]},
    "empty grid": {"kind": "grid", "title": "Nothing", "said": [], "columns": [], "rows": []},
    "empty fit": {"kind": "fit", "title": "Nothing", "said": [], "columns": [], "rows": [], "law": None},
}
SECTIONS = {
    "grid": ["grid", "triples", "networks"],
    "compare": ["methods", "dimensions", "crossed", "networks"],
    "fit": ["fit", "networks"],
    "apply": ["fit", "networks"],
    "no law": ["networks"],
    "no latency": ["methods", "dimensions", "crossed", "networks"],
    "one": ["methods", "networks"],
    "empty grid": ["grid", "networks"],
    "empty fit": ["fit", "networks"],
}
FIGURES = {"grid": 2, "compare": 5, "fit": 1, "apply": 1, "no law": 0, "no latency": 4, "one": 3}


def hostile():
    document = grid_document()
    rows = [row | {"name": f"{HOSTILE}{i}"} for i, row in enumerate(document["rows"])]
    return document | {"title": HOSTILE, "said": [HOSTILE], "rows": rows, "best": rows[0]["name"], "tied": []}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_kind_has_its_sections_figures_and_table(name):
    text = scaling_page(DOCUMENTS[name])
    elements = Elements(text)
    assert re.findall(r'<section id="(\w+)"', text) == SECTIONS[name]
    data = {a["id"]: json.loads(body) for a, body in elements.scripts if a.get("type") == "application/json"}
    places = [a for _, a in elements.found if "data-figure" in a]
    tables = {a["data-table"] for _, a in elements.found if "data-table" in a}
    assert len(places) == FIGURES.get(name, 0)
    assert all(len(a["aria-label"] or "") > 40 for a in places)
    assert data.keys() == {a["data-figure"] for a in places} | tables | {"swaps"}
    anchors = {a["href"] for tag, a in elements.found if tag == "a"}
    ids = [a["id"] for _, a in elements.found if "id" in a]
    assert anchors <= {f"#{found}" for found in ids}
    assert len(set(ids)) == len(ids)


def test_the_verdict_stands_before_the_figures():
    text = scaling_page(DOCUMENTS["grid"])
    assert "<h1>Compound scaling of resnet8 on digits</h1>" in text
    assert "<title>Compound scaling of resnet8 on digits: scaling report</title>" in text
    said = re.findall(r'<p class="sentence">(.*?)</p>', text)
    assert said == DOCUMENTS["grid"]["said"]
    assert text.index("Three others cannot be told from it.") < text.index("data-figure")


def test_what_is_missing_is_said_in_words():
    empty = scaling_page(DOCUMENTS["empty grid"])
    assert "No network of a grid was trained, so there is no grid to show." in empty
    assert "No network was made so far." in empty
    assert "No latency was measured, so nothing can be drawn against it." in scaling_page(DOCUMENTS["no latency"])


def test_nothing_is_fetched_and_only_our_scripts_may_run():
    elements = Elements(scaling_page(DOCUMENTS["compare"]))
    policy = next(a["content"] for tag, a in elements.found if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    code = [body for a, body in elements.scripts if "type" not in a]
    hashes = {base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in code}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes


def test_hostile_names_stay_text():
    elements = Elements(scaling_page(hostile()))
    assert not [tag for tag, _ in elements.found if tag in ("img", "b")]
    assert len([a for a, _ in elements.scripts if "type" not in a]) == 2


def test_the_table_has_the_columns_asked_for_with_intervals():
    document = DOCUMENTS["grid"]
    table = table_rows(document)
    assert [column["label"] for column in table["columns"]] == [
        "network", "alpha", "beta", "gamma", "side (px)", "parameters", "MACs", "latency (ms)", "accuracy (%)",
    ]  # fmt: skip
    assert [column["kind"] for column in table["columns"]] == [
        "text", "number", "number", "number", "integer", "count", "count", "ms", "share",
    ]  # fmt: skip
    row = document["rows"][3]
    cells = table["rows"][3]
    assert cells[0] == table["trials"][3] == row["name"]
    assert cells[-1] == [row["accuracy"], row["low"], row["high"]]
    assert table["sort"] == [8, False]
    pairs = iter(table["decisions"][3])
    decoded = {table["names"][name]: table["labels"][label] for name, label in zip(pairs, pairs, strict=True)}
    assert decoded["alpha"] == f"{row['alpha']:g}"
    assert decoded["depth"] == decoded["alpha"]
    notes = dict(table["notes"][3])
    assert notes["accuracy by seed (%)"] == ", ".join(f"{100 * seed:.2f}" for seed in row["accuracies"])
    assert len(table["toggles"][0]["rows"]) == 1 + len(document["tied"])


def test_without_columns_the_table_shows_what_any_row_has():
    table = table_rows(DOCUMENTS["no latency"] | {"columns": []})
    labels = [column["label"] for column in table["columns"]]
    assert labels[:2] == ["network", "method"]
    assert "latency (ms)" not in labels
    assert table["rows"][4][1] == "width alone"
    assert table["sort"] == [labels.index("MACs"), True]
    assert table["toggles"] == []


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


def needs_chromium(test):
    missing = pytest.mark.skipif(find_chromium() is None, reason="there is no chromium on PATH")
    return pytest.mark.browser(missing(test))


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["grid", "compare", "fit", "empty grid", "hostile"])
def test_the_page_is_drawn_without_a_complaint(tab, tmp_path, name, width):
    tab.problems.clear()
    document = hostile() if name == "hostile" else DOCUMENTS[name]
    path = tmp_path / "scaling.html"
    path.write_text(scaling_page(document), encoding="utf-8")
    tab.view(width, 900)
    tab.open(path)
    assert tab.problems == []
    assert tab.run("document.documentElement.dataset.errors") is None
    assert tab.run("document.documentElement.dataset.drawn") == str(FIGURES.get(name, 2 if name == "hostile" else 0))
    assert tab.run("document.documentElement.scrollWidth") == width
    assert tab.run("document.title") != "taken"
    rows = tab.run("document.querySelectorAll('#networks tbody tr').length")
    assert rows == min(len(document["rows"]), 25 if width > 640 else 12)


@needs_chromium
def test_words_stay_inside_the_cells_and_figures(tab, tmp_path):
    path = tmp_path / "scaling.html"
    path.write_text(scaling_page(DOCUMENTS["grid"]), encoding="utf-8")
    tab.view()
    tab.open(path)
    cell, widest = tab.run("""(() => {
        const plot = document.querySelector('#grid .plot'), { xaxis } = plot._fullLayout;
        const words = [...plot.querySelectorAll('.textpoint text')].map((t) => t.getBoundingClientRect().width);
        return [xaxis.d2p(1) - xaxis.d2p(0), Math.max(...words)];
    })()""")
    assert 20 < widest < cell
    cut = tab.run("""[...document.querySelectorAll('.plot')].flatMap((plot) => {
        const box = plot.getBoundingClientRect();
        return [...plot.querySelectorAll('text')].map((t) => [t.textContent, t.getBoundingClientRect()])
            .filter(([, t]) => t.width && (t.left < box.left - 1 || t.right > box.right + 1 || t.top < box.top - 1))
            .map(([words]) => words);
    })""")
    assert cut == []


@needs_chromium
def test_brushing_an_axis_filters_the_table(tab, tmp_path):
    path = tmp_path / "scaling.html"
    path.write_text(scaling_page(DOCUMENTS["grid"]), encoding="utf-8")
    tab.view()
    tab.open(path)
    tab.run("document.querySelector('#triples').scrollIntoView({behavior: 'instant'})")
    x, top, bottom = tab.run("""(() => {
        const plot = document.querySelector('#triples .plot'), box = plot.getBoundingClientRect();
        const { xaxis, yaxis, shapes } = plot._fullLayout, place = (v) => box.y + yaxis._offset + yaxis.d2p(v);
        return [box.x + xaxis._offset + xaxis.d2p(shapes.length - 1), place(1.04), place(0.7)];
    })()""")
    tab.mouse("mouseMoved", x - 12, top)
    tab.mouse("mousePressed", x - 12, top, button="left", clickCount=1)
    for step in range(1, 6):
        tab.mouse("mouseMoved", x - 12 + 4.8 * step, top + (bottom - top) * step / 5, button="left", buttons=1)
    tab.mouse("mouseReleased", x + 12, bottom, button="left", clickCount=1)
    tab.wait("document.querySelector('#networks .count').textContent.includes(' of 83')")
    values = [row["accuracy"] for row in DOCUMENTS["grid"]["rows"]]
    limit = min(values) + 0.7 * (max(values) - min(values))
    count = tab.run("document.querySelector('#networks .count').textContent")
    assert count == f"{sum(value >= limit for value in values)} of 83 networks"


def test_the_report_of_a_study_that_scales_has_the_same_figures():
    text = page(make_records(), STUDY, {}, scaling=[DOCUMENTS["grid"], DOCUMENTS["fit"]])
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections[:6] == ["front", "comparison", "grid", "triples", "fit", "best"]
    assert "decisions" not in sections  # the triples are what a grid decides
    both = page(make_records(), STUDY, {}, scaling=[DOCUMENTS["compare"]])
    assert {"methods", "dimensions", "decisions"} <= set(re.findall(r'<section id="(\w+)"', both))
    later = page(make_records(), STUDY, {}, scaling=[{"kind": "of a later version", "rows": []}])
    assert "decisions" in re.findall(r'<section id="(\w+)"', later)
