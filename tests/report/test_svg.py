import xml.etree.ElementTree as ET

import pytest
from cases import CASES
from make_records import STUDY, make_records

from nas.report import front, front_svg
from nas.report.svg import HEIGHT, WIDTH
from nas.report.theme import DARK
from nas.report.ticks import ticks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("case", CASES)
def test_every_study_has_a_well_formed_picture(case):
    tree = ET.fromstring(front_svg(*CASES[case]))
    allowed = {"svg", "title", "rect", "text", "line", "path", "circle", "polygon"}
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= allowed
    for text in tree.iter(f"{SVG}text"):
        assert text.text


def test_it_shows_front_finalists_baselines_and_budget():
    records = make_records()
    tree = ET.fromstring(front_svg(records, STUDY))
    words = [text.text or "" for text in tree.iter(f"{SVG}text")]
    assert {"resnet8", "vit_nano", "latency ≤ 1.5 ms", "latency (ms)", "accuracy (%)"} <= set(words)
    assert any(word.startswith("best: ") for word in words)
    stars = list(tree.iter(f"{SVG}polygon"))
    assert len(stars) == 3 + 1
    circles = [e for e in tree.iter(f"{SVG}circle") if e.get("r") == "5.5"]
    assert len(circles) == sum(r.role == "candidate" for r in front(records, STUDY)) + 1


def test_labels_stay_inside_the_picture():
    for records, study in CASES.values():
        for text in ET.fromstring(front_svg(records, study)).iter(f"{SVG}text"):
            if len(text.text or "") < 60:
                assert 0 <= float(text.get("x", 0)) <= WIDTH
                assert 0 <= float(text.get("y", 0)) <= HEIGHT


def test_it_can_be_dark():
    assert DARK.paper in front_svg(*CASES["full"], DARK)


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0.43, 2.19, False, [0.5, 1.0, 1.5, 2.0]),
        (0.91, 1.0, False, [0.92, 0.94, 0.96, 0.98, 1.0]),
        (0.8, 60, True, [1, 2, 5, 10, 20, 50]),
        (1e5, 1e12, True, [1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12]),
    ],
)
def test_ticks_are_round(low, high, log, expected):
    most = 8 if log else 5
    assert ticks(low, high, most, log=log) == pytest.approx(expected)
