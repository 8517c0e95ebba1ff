"""The model card: drawn for every kind of study, true to the records, and nothing in a study's file becomes markup."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from cases import HOSTILE, cases
from make_records import ENV, STUDY, make_records

from nas.report.aims import read_aims
from nas.report.card import Card, card
from nas.report.front import front
from nas.report.hypervolume import contribution, hypervolume
from nas.report.markdown import block, code, esc, table

CASES = cases()


def document(**changes: Any) -> dict[str, Any]:
    """What an export says of itself."""
    written = {"images": 64, "absolute": 1.2e-6, "difference": 3e-7, "limit": 1e-3, "top1": 1.0}
    return {
        "name": "quickstart:finalist/0",
        "arch_id": "0123456789abcdef",
        "trained": True,
        "input": {"shape": ["batch", 1, 16, 16]},
        "output": {"shape": ["batch", 10]},
        "prepare": {"channels": 1, "side": 8, "height": 16, "width": 16, "mean": [0.31], "std": [0.35]},
        "classes": [str(k) for k in range(10)],
        "weights": "after epoch 24",
        "costs": {"params": 32306, "macs": 173312},
        "data": {
            "name": "digits",
            "images": {"train": 1004, "validation": 434},
            "resolution": 8,
            "channels": 1,
            "classes": [str(k) for k in range(10)],
            "fingerprint": "353e4bdd46e62d91",
        },
        "licence": None,
        "compared_on": "images of the data",
        "formats": [
            {"format": "onnx", "state": "written", "files": ["model.onnx"], "bytes": 141602, "outputs": written},
            {"format": "int8", "state": "written", "files": ["model_int8.onnx"], "bytes": 87676, "outputs": written},
            {"format": "pt2", "state": "failed", "reason": "operator thing of block s1.0"},
        ],
        "accuracy": {
            "int8": [
                {"split": "test", "images": 359, "of": 359, "before": 0.9944, "after": 0.9916, "lost": 1, "won": 0}
            ]
        },
        "latency_ms": {},
        "notes": [],
        "environment": {"date": "2026-11-26", "nas": "0.1.0", "torch": "2.13.0", "python": "3.11.7"},
        **changes,
    }


@pytest.mark.parametrize("name", CASES)
def test_every_network_of_every_study_has_a_card(name: str) -> None:
    records, study = CASES[name]
    for record in records[::7] + records[-3:]:
        text = card(Card(document(), "nas export x", "nas search x", record, records, study, ENV))
        assert text.startswith("# quickstart")
        assert "<script" not in text
        assert "<img" not in text
        assert "<b>" not in text


def test_it_says_what_the_records_say() -> None:
    records = make_records()
    record = next(r for r in records if r.role == "finalist")
    text = card(
        Card(document(licence="CC BY 4.0"), "nas export quickstart 'a b'", "nas search q", record, records, STUDY)
    )
    low, high = record.interval["accuracy"]
    assert f"{100 * record.values['accuracy']:.2f}% | [{100 * low:.2f}, {100 * high:.2f}]" in text
    assert f"{record.latency['pairs']} pairs" in text
    assert "predicted (ms) | in the search (ms) | measured again (ms)" in text
    assert "Budgets (latency ≤ 1.5 ms and MACs ≤ 5 M): met" in text
    assert re.search(r"Front: (number \d+ of \d+ by accuracy|not on it)", text)
    assert text.count("Beside ") == sum(r.role == "baseline" and r.state == "complete" for r in records)
    assert "1,004 train, 434 validation images" in text
    assert "Licence of the data: CC BY 4.0." in text
    assert "| int8 | 359 of 359 test | 99.44% | 99.16% | −0.28 points | 1 | 0 |" in text  # noqa: RUF001
    assert "Not written: pt2 (operator thing of block s1.0)" in text
    assert "    nas export quickstart 'a b'" in text
    assert "Resize to 16 x 16 (bilinear, anti-aliased)" in text
    assert "optimizer adamw" in text


def test_what_is_not_known_is_said() -> None:
    text = card(Card(document(trained=False, prepare=None, data=None, weights="initial weights"), "nas export x.yaml"))
    assert "never trained. Its answers mean nothing" in text
    assert "Not known: no data was at hand" in text
    assert "Licence of the data: not given." in text
    assert "## Training" not in text
    assert "## Results" not in text


def test_an_infeasible_network_is_said_to_miss_the_budget() -> None:
    records = make_records()
    record = replace(
        next(r for r in records if r.role == "finalist"), constraints={"latency_ms <= 1.5": 0.2, "macs <= 5e6": -1.0}
    )
    text = card(Card(document(), "", "", record, records, STUDY))
    assert "not met, no: latency" in text


def test_text_cannot_become_markup() -> None:
    hostile = [
        HOSTILE,
        "[click](http://evil.example)",
        "![x](http://evil.example/x.png)",
        "`code` *bold* _it_ ~~gone~~ | cell",
        "# heading\n# another",
        "1. item",
        "www.evil.example http://evil.example",
        "\\[x](y)",
    ]
    for text in hostile:
        found = esc(text)
        assert "\n" not in found
        assert not re.search(r"<[a-zA-Z/!]", found)
        assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]|~]", found)
        assert not re.search(r"^(#|\d+\.|-)", found)
        assert not re.search(r"(?<!\\)://", found)
        assert "www.e" not in found
    assert esc("accuracy (%): 99.3, multiply-accumulates") == "accuracy (%): 99.3, multiply-accumulates"
    assert code("a`b``c") == "```a`b``c```"
    assert code("`") == "`` ` ``"
    assert block(["nas x\n# heading"]) == "    nas x # heading"
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n|---|---|\n| 1 | 2 |"


def test_names_of_networks_and_classes_are_escaped_in_the_card() -> None:
    hostile = document(
        name=HOSTILE,
        classes=[HOSTILE, "a](http://b)"],
        licence="[x](y)",
        weights=HOSTILE,
        notes=[HOSTILE],
        data=document()["data"] | {"name": HOSTILE},
    )
    text = card(Card(hostile, f"nas export {HOSTILE}\n# heading"))
    outside = re.sub(r"^    .*$|`+[^\n]*?`+", "", text, flags=re.MULTILINE)
    assert not re.search(r"<[a-zA-Z/!]", outside)
    assert "](" not in outside.replace("\\](", "")
    assert "\n# heading" not in text


def test_what_a_network_adds_to_the_hypervolume() -> None:
    records = make_records()
    aims = read_aims(STUDY)
    members = front(records, aims)
    shares = [contribution(record, records, aims) for record in members]
    assert all(0 <= share < 1 for share in shares)
    assert any(share > 0 for share in shares)
    off = next(r for r in records if r.role == "baseline")
    assert contribution(off, records, aims) == 0
    alone = [r for r in records if r is members[0]]
    assert hypervolume(alone, aims) > 0
    assert contribution(members[0], alone, aims) == pytest.approx(1)
