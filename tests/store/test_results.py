"""The results folder: records from the storage alone, whatever storage it is, while somebody writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.trial import TrialState

from nas.errors import StoreError
from nas.store import Record, Results
from nas.store.attributes import END, LATENCY, NETWORK, get, put

LATENCY_JSON = {"p50": 1.0, "low": 0.9, "high": 1.1, "p90": 1.2, "p99": 1.5, "trusted": True, "flags": []}


@pytest.fixture(params=["journal", "sqlite"])
def results(request: pytest.FixtureRequest, tmp_path: Path) -> Results:
    url = f"sqlite:///{tmp_path}/shared.db" if request.param == "sqlite" else None
    return Results(tmp_path / "study", storage=url)


def test_record_round_trip(results: Results) -> None:
    decisions = {f"s1.{i}.block.mbconv.kernel": 3 for i in range(200)}
    with results.driving():
        study = results.study("candidate", ["maximize", "minimize"])
        trial = study.ask()
        trial.suggest_categorical("act", ["relu", 3])
        network = {"arch_id": "ab" * 8, "folder": "ab" * 8, "values": {"macs": 7}, "decisions": decisions}
        put(trial.set_user_attr, NETWORK, network)
        put(trial.set_user_attr, LATENCY, LATENCY_JSON)
        results.make_trial_folder("ab" * 8, {"arch_id": "ab" * 8})
        results.append_curve("ab" * 8, {"epoch": 1, "accuracy": 0.5})

        reader = Results(results.folder, storage=results.storage_url)
        (running,) = reader.records()
        assert (running.state, running.values["accuracy"]) == ("running", 0.5)

        trial.set_constraint("latency_ms <= 2", -1.0)
        put(trial.set_user_attr, END, {"state": "complete", "values": {"accuracy": 0.6}, "rung": 2, "seconds": 3.5})
        study.tell(trial, [0.6, 1.0])
    (record,) = reader.records("candidate")
    assert record.decisions == decisions
    assert record.values == {"macs": 7, "accuracy": 0.6, **{k: v for k, v in record.values.items() if "latency" in k}}
    assert record.interval == {"latency_ms": (0.9, 1.1)}
    assert record.latency == LATENCY_JSON
    assert record.constraints == {"latency_ms <= 2": -1.0}
    assert record.feasible
    assert record.curve == ({"epoch": 1, "accuracy": 0.5},)
    assert (record.rung, record.seconds, record.folder) == (2, 3.5, "ab" * 8)
    assert record.finished >= record.started
    assert Record.from_json(record.to_json()) == record


def test_attributes_stay_short_enough_for_any_database(results: Results) -> None:
    long = {"text": 'quote " and é' * 500}
    stored: dict[str, object] = {}
    put(stored.__setitem__, "a", long)
    assert get(stored, "a") == long
    assert max(len(str(value)) for value in stored.values()) < 2000
    assert get({}, "a") == {}


def test_roles_are_studies_of_their_own(results: Results) -> None:
    with results.driving():
        for role in ("baseline", "candidate", "candidate"):
            study = results.study(role, ["maximize"])
            study.tell(study.ask(), state=TrialState.FAIL)
    assert [(r.role, r.trial, r.state) for r in results.records()] == [
        ("candidate", 0, "failed"),
        ("candidate", 1, "failed"),
        ("baseline", 0, "failed"),
    ]
    assert [r.role for r in results.records("baseline")] == ["baseline"]
    assert results.records("finalist") == []


def test_two_folders_of_one_name_share_a_database_without_mixing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    one, other = (Results(tmp_path / place / "study", storage=url) for place in ("a", "b"))
    for results in (one, other):
        with results.driving():
            study = results.study("candidate", ["maximize"])
            study.tell(study.ask(), state=TrialState.FAIL)
    assert [len(results.records()) for results in (one, other)] == [1, 1]
    assert len(Results(one.folder, storage=url).records()) == 1


def test_other_objectives_are_refused(results: Results) -> None:
    with results.driving():
        results.study("candidate", ["maximize"])
        with pytest.raises(StoreError, match="must have the objectives it was started with"):
            results.study("candidate", ["maximize", "minimize"])


def test_reading_needs_nothing_and_makes_nothing(tmp_path: Path) -> None:
    results = Results(tmp_path / "none")
    assert results.records() == []
    assert not results.exists
    assert not results.folder.exists()
    assert results.driver == {}


def test_who_drives_is_known_while_it_does(tmp_path: Path) -> None:
    results = Results(tmp_path / "study")
    with results.driving():
        assert Results(tmp_path / "study").driver["pid"] > 0
        with (
            pytest.raises(StoreError, match="must have one writer at a time"),
            Results(tmp_path / "study").driving(),
        ):
            pass
    assert results.driver == {}
    with pytest.raises(StoreError, match="must be taken with driving"):
        results.study("candidate", ["maximize"])


def test_a_later_line_of_an_epoch_counts(tmp_path: Path) -> None:
    results = Results(tmp_path / "study")
    results.make_trial_folder("x", {})
    for epoch, accuracy in ((1, 0.1), (2, 0.2), (2, 0.3), (3, 0.4)):
        results.append_curve("x", {"epoch": epoch, "accuracy": accuracy})
    assert [line["accuracy"] for line in results.curve("x")] == [0.1, 0.3, 0.4]


def test_record_by_reference(tmp_path: Path) -> None:
    results = Results(tmp_path / "study")
    with results.driving():
        for role, name, arch_id in (
            ("candidate", "", "aa11"),
            ("candidate", "", "aa22"),
            ("baseline", "resnet20", "bb11"),
            ("finalist", "best", "aa11"),
        ):
            study = results.study(role, ["maximize"])
            trial = study.ask()
            put(trial.set_user_attr, NETWORK, {"arch_id": arch_id, "folder": f"{arch_id}-{role}", "name": name})
            study.tell(trial, 0.5)
    assert results.record("1").arch_id == "aa22"
    assert results.record("baseline/0").name == "resnet20"
    assert results.record("resnet20").role == "baseline"
    assert results.record("aa22").trial == 1
    assert results.record("aa1").role == "finalist"
    for wrong in ("aa", "7", "finalist/3", "nothing", ""):
        with pytest.raises(StoreError, match=f"no single trial '{wrong}'"):
            results.record(wrong)


def test_storage_that_cannot_be_reached(tmp_path: Path) -> None:
    results = Results(tmp_path / "study", storage="postgresql://me:secret@nowhere.invalid/db")
    with (
        pytest.raises(StoreError, match="must be an Optuna storage URL that can be reached") as caught,
        results.driving(),
    ):
        pass
    assert "secret" not in str(caught.value)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="a file stands where a folder must be"), Results(tmp_path / "file").driving():
        pass
