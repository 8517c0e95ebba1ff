"""`nas zoo`, `nas zoo widen`, and what `nas profile` says of a network's paper."""

from __future__ import annotations

import json

import pytest

from nas.errors import NasError
from nas.study.zoo import zoo_rows

GOOD = """
name: good
about: {family: Good, paper: 'Doe, Good (2020)'}
input: {resolution: 8}
classes: 2
head: [pool, classifier]
"""
KEYS = ["name", "family", "params", "macs", "resolution", "paper", "top1", "note"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    return tmp_path


def test_zoo_lists_networks(nas):
    rows = json.loads(nas("zoo", "--family", "resnet", "--json"))
    assert all(list(row) == KEYS for row in rows)
    assert {row["family"] for row in rows} == {"ResNet"}
    found = {row["name"]: row for row in rows}
    assert found["resnet50"]["params"] == 25_557_032
    assert found["resnet50"]["resolution"] == 224
    assert found["resnet20"]["top1"] is None
    text = nas("zoo", "--family", "ResNet")
    assert "resnet50" in text
    assert "25.6M" in text


def test_zoo_names_the_nearest_family(run_nas):
    code, out, err = run_nas("zoo", "--family", "Swim")
    assert (code, out) == (2, "")
    assert "did you mean 'Swin" in err


def test_zoo_of_a_folder(folder):
    row = {"name": "good", "family": "Good", "params": 8, "macs": 6, "resolution": 8, "paper": "Doe, Good (2020)"}
    assert zoo_rows(folder=folder) == [row | {"top1": None, "note": None}]


def test_zoo_shows_a_range_where_macs_depend_on_the_image(nas):
    rows = {row["name"]: row for row in json.loads(nas("zoo", "--family", "SkipNet", "--json"))}
    row = rows["skipnet50"]
    span = row["macs_range"]
    assert span["least"] < span["expected"] < span["most"] == row["macs"]
    text = nas("zoo", "--family", "SkipNet")
    assert f"{span['least'] / 1e6:.0f}M to {span['most'] / 1e9:.3g}G" in text
    (pruned,) = json.loads(nas("zoo", "--family", "DynamicViT", "--json"))  # the same for every image
    assert list(pruned) == KEYS


def test_zoo_marks_and_shows_notes(nas):
    text = nas("zoo", "--family", "ResNet")
    assert "resnet50 *" in text
    assert "nas zoo --notes" in text
    assert "ten-crop accuracy" not in text
    text = nas("zoo", "--family", "ResNet", "--notes")
    assert "resnet50 *" not in text
    assert "ten-crop accuracy" in text
    rows = {row["name"]: row for row in json.loads(nas("zoo", "--family", "ResNet", "--json"))}
    assert rows["resnet18"]["note"] == "ten-crop accuracy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input: {resolution: 8}\nclasses: 2\nhead: [pool, clasifier]\n", r"bad\.yaml:3:14: .*'classifier'"),
        ("input: {resolution: {choice: [8, 9]}}\nclasses: 2\nhead: [pool, classifier]\n", r"bad\.yaml.*no choice"),
        ("input: {resolution: 8}\nclasses: 2\nhead: [conv: {out: 8, kernel: 9, padding: 0}]\n", r"bad\.yaml:3:\d+: "),
    ],
)
def test_a_broken_file_is_named(folder, text, message):
    (folder / "bad.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(NasError, match=message):
        zoo_rows(folder=folder)


def test_widen_writes_a_space(run_nas, nas, tmp_path):
    code, out, err = run_nas("zoo", "widen", "zoo/resnet8", "--write", "around.yaml")
    assert (code, out) == (0, "")
    assert "wrote around.yaml: 9 decisions, " in err
    text = (tmp_path / "around.yaml").read_text(encoding="utf-8")
    assert nas("zoo", "widen", "zoo/resnet8") == text
    assert len(json.loads(nas("space", "around.yaml", "--samples", "5", "--json"))["decisions"]) == 9


def test_profile_says_the_paper(nas, folder):
    assert "Doe, Good (2020)\n" in nas("profile", folder / "good.yaml")
    (folder / "good.yaml").write_text(GOOD.replace("(2020)'", "(2020)', top1: 77.15"), encoding="utf-8")
    assert "Doe, Good (2020); published top-1 77.15%\n" in nas("profile", folder / "good.yaml")
    (folder / "good.yaml").write_text(GOOD.replace("(2020)'", "(2020)', note: ten-crop"), encoding="utf-8")
    assert "Doe, Good (2020); ten-crop\n" in nas("profile", folder / "good.yaml")
    assert "about" not in json.loads(nas("profile", folder / "good.yaml", "--json"))
