"""No network is scored twice: not by one process, not by the next, not by two at once."""

from __future__ import annotations

import pickle

import pytest
from proxy_networks import plan

from nas.errors import NasError
from nas.proxy import Score, Scores, keeping


@pytest.fixture
def computed(monkeypatch):
    """Names that were really computed."""
    names: list[str] = []

    def compute(plan, name):
        names.append(name)
        return Score(None, "a reason", 1.0) if name == "naswot" else Score(float(len(names)), None, 2.0)

    monkeypatch.setattr(keeping, "compute", compute)
    return names


def test_scores_are_remembered_in_memory_and_on_disk(tmp_path, computed):
    network, names = plan(), ["synflow", "naswot"]
    first = Scores(tmp_path / "new" / "folder")
    assert first.known(network.arch_id, names) == {}
    found = first.of(network, names)
    assert found == first.of(network, names)
    assert found["naswot"] == Score(None, "a reason", 1.0)
    again = Scores(tmp_path / "new" / "folder")
    assert again.of(network, reversed(names)) == found
    assert pickle.loads(pickle.dumps(first)).known(network.arch_id, names) == found
    assert computed == names
    again.of(plan("mbconv"), ["synflow"])
    assert len(computed) == 3


def test_another_version_of_the_code_scores_anew(tmp_path, computed, monkeypatch):
    Scores(tmp_path).of(plan(), ["synflow"])
    monkeypatch.setattr(keeping, "version", lambda: "other")
    Scores(tmp_path).of(plan(), ["synflow"])
    assert len(computed) == 2


def test_a_damaged_line_is_told_and_computed_again(tmp_path, computed, caplog):
    Scores(tmp_path).of(plan(), ["synflow"])
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text() + '{"arch_id": "a", "proxy": "synflow", "value": NaN, "reason": null, "ms": 1}\n{')
    assert Scores(tmp_path).of(plan(), ["synflow"])["synflow"].value == 1.0
    assert "1 lines" in caplog.text
    assert len(computed) == 1


def test_where_nothing_can_be_written_memory_goes_on(tmp_path, computed, caplog):
    (tmp_path / "file").write_text("")
    scores = Scores(tmp_path / "file")
    assert scores.of(plan(), ["synflow"]) == scores.of(plan(), ["synflow"])
    assert len(computed) == 1
    assert "not kept for the next run" in caplog.text


def test_what_torch_says_no_to_is_a_reason_but_not_for_ever(tmp_path, monkeypatch):
    def compute(plan, name):
        raise RuntimeError("not enough memory\nand more")

    monkeypatch.setattr(keeping, "compute", compute)
    scores = Scores(tmp_path)
    assert scores.of(plan(), ["synflow"])["synflow"] == Score(None, "it cannot be computed: not enough memory")
    assert Scores(tmp_path).known(plan().arch_id, ["synflow"]) == {}


def test_an_infinite_value_is_none():
    assert Score.of(float("inf"), 1.0) == Score(None, "it is inf", 1.0)


def test_an_unknown_name_is_refused(tmp_path):
    with pytest.raises(NasError, match="did you mean 'trainability'"):
        Scores(tmp_path).of(plan(), ["trainable"])
