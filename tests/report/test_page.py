import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from cases import CASES, HOSTILE
from make_records import ENV, STUDY, make_records

from nas.report.page import embedded, page
from nas.report.rows import latency_rows, network_rows, outcome
from nas.report.words import reference
from nas.store.record import Record


class Elements(HTMLParser):
    """Every element with its attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_data(self, data):
        if self.cdata_elem == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)


@pytest.fixture(scope="module")
def text() -> str:
    return page(make_records(), STUDY, ENV)


@pytest.mark.parametrize("case", CASES)
def test_every_study_has_a_page(case):
    records, study = CASES[case]
    elements = Elements(page(records, study, ENV))
    data = {a["id"]: json.loads(body) for a, body in elements.scripts if a.get("type") == "application/json"}
    places = {a["data-figure"] for _, a in elements.found if "data-figure" in a}
    tables = {a["data-table"] for _, a in elements.found if "data-table" in a}
    assert data.keys() == places | tables | {"swaps"}
    anchors = {a["href"] for tag, a in elements.found if tag == "a"}
    assert anchors <= {f"#{a['id']}" for _, a in elements.found if "id" in a}


def test_nothing_is_fetched_and_only_our_scripts_may_run(text):
    elements = Elements(text)
    policy = next(a["content"] for tag, a in elements.found if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    hashes = set(re.findall(r"'sha256-([^']+)'", policy))
    code = [body for a, body in elements.scripts if "type" not in a]
    assert {base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in code} == hashes
    assert not [a for tag, a in elements.found if a.get("src") or (tag == "link" and not a["href"].startswith("data:"))]


def test_hostile_names_stay_text():
    elements = Elements(page(*CASES["hostile"], {HOSTILE: HOSTILE}))
    assert not [tag for tag, _ in elements.found if tag in ("img", "b")]
    assert len([a for a, _ in elements.scripts if "type" not in a]) == 2
    assert not [a for _, a in elements.found if any(key.startswith("on") for key in a)]


def test_embedded_json_cannot_end_its_script():
    assert embedded({"a": HOSTILE}).count("<") == 0
    assert json.loads(embedded({"a": HOSTILE})) == {"a": HOSTILE}


def test_the_page_opens_with_the_verdict_and_ends_with_the_study(text):
    title = re.search(r"<h1>(.*?)</h1>", text)
    assert title is not None
    assert re.fullmatch(r"Accuracy \d\d\.\d\d% at [\d.]+ ms, .* baseline inside the budget", title[1])
    sections = re.findall(r'<section id="(\w+)"', text)
    assert sections == [
        "front", "comparison", "best", "search", "curves", "decisions", "networks", "macs", "proxies", "latency",
        "environment", "study",
    ]  # fmt: skip
    assert "label_smoothing: 0.1" in text[text.index('<section id="study"') :]
    assert "torch 2.13.0" in text


def test_figures_have_words_for_those_who_cannot_see_them(text):
    places = [a for _, a in Elements(text).found if "data-figure" in a]
    assert len(places) == 8
    assert all(len(a["aria-label"] or "") > 40 for a in places)


def test_rows_hold_every_trained_network_and_every_measurement():
    records = make_records()
    rows = network_rows(records, STUDY)
    assert len(rows["rows"]) == 60 + 4 + 3
    assert all(len(row) == len(rows["columns"]) for row in rows["rows"])
    first = rows["rows"][0]
    record = next(r for r in records if reference(r) == rows["trials"][0])
    assert first[1][0] == pytest.approx(record.values["accuracy"])
    pairs = iter(rows["decisions"][0])
    decoded = {rows["names"][name]: rows["labels"][label] for name, label in zip(pairs, pairs, strict=True)}
    assert decoded == {k: f"{v:g}" if isinstance(v, float) else str(v) for k, v in record.decisions.items()}
    measured = latency_rows(records)
    assert len(measured["rows"]) == sum(r.latency is not None for r in records)
    doubtful = [r for r in records if r.latency and not r.latency["trusted"]]
    assert len(measured["toggles"][0]["rows"]) == len(doubtful) > 0


def test_outcomes_in_words():
    base = Record(0, "complete")
    assert outcome(base) == "trained"
    assert outcome(base, on_front=True) == "on the front"
    assert outcome(dataclasses.replace(base, role="finalist"), on_front=True) == "finalist, on the front"
    assert outcome(dataclasses.replace(base, role="baseline")) == "baseline"
    assert outcome(dataclasses.replace(base, state="pruned", curve=({}, {}))) == "stopped, epoch 2"
    assert outcome(dataclasses.replace(base, state="infeasible", gate="cost")) == "rejected: cost"
    assert outcome(dataclasses.replace(base, state="failed")) == "failed"
