"""The figure of what a network looks at, in words and in the page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from chromium import browser, find_chromium
from make_records import ENV, STUDY, make_records
from PIL import Image

from nas.report import write_report
from nas.report.figures.maps import maps_figure, where
from nas.report.maps import MOST, kept_maps, maps_section
from nas.report.maps_page import maps_page

HOSTILE = "</script><img src=x onerror=alert(1)><b>"


def row(
    number=0, name="cat.jpg", method="gradcam", place="s2.0.mbconv (2x2)", sees="cat", of="cat", grid=((1, 0), (0, 0))
):
    return {
        "file": f"{number}.png",
        "image": name,
        "predicted": {"class": sees, "index": 0, "probability": 0.97},
        "target": {"class": of, "index": 0 if of == sees else 1, "probability": 0.97 if of == sees else 0.02},
        "method": method,
        "place": place,
        "map": [list(line) for line in grid],
        "source": "",
    }


def document(*rows):
    return {"network": "photos:17", "arch_id": "ab", "images": list(rows)}


def keep(folder: Path, found, *, trial="ab"):
    place = folder / "trials" / trial / "maps"
    place.mkdir(parents=True)
    for each in found["images"]:
        Image.fromarray(np.full((8, 8), 120, np.uint8)).save(place / each["file"])
    (place / "maps.json").write_text(json.dumps(found))


def test_it_says_in_words_what_it_shows():
    other = row(1, "dog.jpg", "attention", "head.0.norm (7x7 tokens)", grid=((0, 0), (0, 2)))
    assert maps_figure(document(row(), other)).layout.meta["summary"] == (
        "What photos:17 looks at, by Grad-CAM at s2.0.mbconv (2x2) and attention rollout at head.0.norm (7x7 tokens): "
        "in cat.jpg it sees cat (97%), and what speaks for cat is strongest in the upper left (100%); "
        "in dog.jpg it sees cat (97%), and what speaks for cat is strongest in the lower right (100%)."
    )


def test_the_first_row_of_a_map_is_on_top():
    (heat,) = maps_figure(document(row(grid=((1, 0), (0, 0), (0, 0))))).data
    assert heat.y[0] > heat.y[1] > heat.y[2]
    assert heat.x[0] < heat.x[1]
    assert (heat.z[0][0], heat.zmin, heat.zmax) == (1, 0, 1)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ([[0, 0, 0], [0, 5, 0], [0, 0, 0]], "in the centre (100%)"),
        ([[0] * 6, [0] * 6, [0] * 6, [0] * 6, [0] * 6, [0, 0, 0, 0, 1, 1]], "in the lower right (100%)"),
        ([[0, 1, 2], [0, 0, 1]], "in the upper right (50%)"),
        ([[0, 0], [0, 0]], "nowhere"),
        ([[1]], "in the centre (100%)"),
    ],
)
def test_where_it_is_strongest(grid, words):
    assert where(grid) == words


def test_another_class_than_the_one_that_is_seen_is_named():
    (note,) = maps_figure(document(row(of="dog"))).layout.annotations
    assert note.text == "cat.jpg<br>cat 97%; shown: dog 2%"


def test_what_is_read_from_files_cannot_be_markup():
    found = document(row(0, HOSTILE, place=HOSTILE, sees=HOSTILE, of=HOSTILE)) | {"network": HOSTILE}
    page = maps_page(found)
    assert "<img src=x" not in page
    assert "<b>" not in maps_figure(found).layout.annotations[0].text


def test_images_outside_the_folder_are_not_read(tmp_path):
    keep(tmp_path, document(row()))
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "secret.png")
    file = tmp_path / "trials" / "ab" / "maps" / "maps.json"
    file.write_text(file.read_text().replace("0.png", "../../../secret.png"))
    assert [each["source"] for each in kept_maps(tmp_path)[0]["images"]] == [""]


def test_a_study_without_maps_has_no_section(tmp_path):
    records = make_records(trained=6, rejected=3)
    write_report(tmp_path, records, STUDY, ENV)
    assert 'id="maps"' not in (tmp_path / "report.html").read_text()
    assert maps_section([], {}) == ""
    keep(tmp_path, document(*(row(number) for number in range(MOST + 2))))
    keep(tmp_path / "finalized", document(row()), trial="cd")
    write_report(tmp_path, records, STUDY, ENV)
    text = (tmp_path / "report.html").read_text()
    assert 'data-figure="maps-1"' in text
    assert "2 images more not drawn." in text
    drawn = [len(each["images"]) for each in kept_maps(tmp_path)]
    assert drawn == [MOST, 1]


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on PATH")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_it_is_drawn(tmp_path, width, dark):
    keep(tmp_path, document(row(), row(1), row(2)))
    file = tmp_path / "maps.html"
    file.write_text(maps_page(kept_maps(tmp_path)[0]))
    with browser(tmp_path / "profile") as page:
        page.view(width, 800, dark=dark, touch=width < 500)
        page.open(file)
        page.wait("document.querySelectorAll('.imagelayer image').length === 6")
        assert page.run("document.querySelectorAll('.heatmaplayer .hm').length") == 3
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.problems == []
