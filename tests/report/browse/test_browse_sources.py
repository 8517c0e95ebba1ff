"""Results folders in whatever state they are: found, read, watched, and never left."""

from __future__ import annotations

import json
import shutil

import pytest
from folders import add_records, running, write_folder
from make_records import STUDY, make_records

from nas.errors import NasError
from nas.report.browse.columns import columns_document
from nas.report.browse.sources import find_sources, study_folders

RECORDS = make_records(0, 12, 20)


@pytest.fixture
def study(tmp_path):
    return write_folder(tmp_path / "results" / "quickstart", RECORDS)


def only(path):
    (source,) = find_sources([path]).all()
    return source


def test_a_folder_of_studies_and_a_study_itself_are_found(study, tmp_path):
    shutil.copytree(study, study.parent / "second")
    (study.parent / "notes").mkdir()
    assert [s.key for s in find_sources([study.parent]).all()] == ["quickstart", "second"]
    assert [s.key for s in find_sources([study]).all()] == ["quickstart"]
    assert [s.key for s in find_sources([], study.parent).all()] == ["quickstart", "second"]
    assert [s.key for s in find_sources(["second"], study.parent).all()] == ["second"]


def test_two_studies_of_one_name_have_different_keys(study, tmp_path):
    shutil.copytree(study, tmp_path / "elsewhere" / "quickstart")
    assert [s.key for s in find_sources([study, tmp_path / "elsewhere"]).all()] == ["quickstart", "quickstart~2"]


def test_a_study_that_comes_later_is_found_without_asking_again(study):
    sources = find_sources([study.parent])
    shutil.copytree(study, study.parent / "later")
    assert sources.get("later") is not None


def test_what_was_trained_again_stands_beside_its_study(study):
    shutil.copytree(study, study / "finalized")
    for path in (study, study.parent):
        assert [s.key for s in find_sources([path]).all()] == ["quickstart", "quickstart-finalized"]
    assert [s.key for s in find_sources([study / "finalized"]).all()] == ["quickstart-finalized"]


def test_a_study_file_of_another_shape_is_shown_as_such(study):
    (study.parent / "odd").mkdir()
    (study.parent / "odd" / "study.yaml").write_text("nas: 1\nname: odd\nobjectives: 5\n")
    source = find_sources([study.parent]).get("odd")
    assert "objectives of a study must be a list, but got 5" in source.snapshot().problem
    with pytest.raises(NasError, match="objectives of a study"):
        find_sources([source.folder])


@pytest.mark.parametrize("name", ["env.json", "scaling.json", "fit.json"])
@pytest.mark.parametrize("text", ["[1, 2", "[1, 2]", "7"])
def test_a_damaged_file_beside_the_records_hides_none_of_them(study, name, text):
    (study / name).write_text(text)
    snapshot = only(study).snapshot()
    assert len(snapshot.records) == len(RECORDS)
    assert name in snapshot.problem
    assert columns_document("quickstart", snapshot)["problem"] == snapshot.problem


def test_all_records_are_read_and_read_again_only_after_a_change(study):
    source = only(study)
    first = source.snapshot()
    assert len(first.records) == len(RECORDS)
    assert first.problem == ""
    assert source.snapshot() is first
    before = source.stamp()
    add_records(study, make_records(5, 3, 0, 0, 0))
    assert source.stamp() != before
    assert len(source.snapshot().records) == len(RECORDS) + 3
    assert source.snapshot().version != first.version


def test_the_curve_of_a_running_trial_is_followed(study):
    add_records(study, [running(r) for r in RECORDS if r.state == "complete"][:1])
    source = only(study)
    (before,) = [r for r in source.snapshot().records if r.state == "running"]
    with (study / "trials" / before.folder / "curve.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": 99, "accuracy": 0.5}) + "\n")
    (after,) = [r for r in source.snapshot().records if r.state == "running"]
    assert len(after.curve) == len(before.curve) + 1


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "it holds nothing"),
        (lambda path: (path / "photo.jpg").touch(), "it holds photo.jpg"),
        (lambda path: (path / "study.yaml").write_text("nas: 2\nname: x\n"), "it says nas: 2"),
        (lambda path: (path / "study.yaml").write_text("- 1\n"), "must be a mapping"),
        (lambda path: (path / "study.yaml").write_text("a: [\n"), "study.yaml"),
        (lambda path: (path / "journal.log").touch(), "must hold the study.yaml"),
    ],
)
def test_what_is_no_study_that_can_be_read_is_an_error_that_says_why(tmp_path, make, words):
    folder = tmp_path / "odd"
    folder.mkdir()
    make(folder)
    with pytest.raises(NasError, match=words):
        find_sources([folder])


def test_a_path_that_is_not_there_names_what_is(study):
    with pytest.raises(NasError, match="there are: quickstart"):
        find_sources(["quickstrat"], study.parent)


def test_a_study_of_a_later_version_among_others_is_shown_as_such(study):
    (study.parent / "newer").mkdir()
    (study.parent / "newer" / "study.yaml").write_text("nas: 9\nname: newer\n")
    source = find_sources([study.parent]).get("newer")
    assert "nas: 9" in source.snapshot().problem
    assert columns_document("newer", source.snapshot())["trials"] == []


def test_a_line_cut_short_waits_and_a_damaged_one_is_told(study):
    journal = study / "journal.log"
    with journal.open("a") as file:
        file.write('{"op_code": 4, "wor')
    assert only(study).snapshot().problem == ""
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:20], "\x00\x00garbage\n", *lines[20:]]))
    snapshot = only(study).snapshot()
    assert "line 21" in snapshot.problem
    assert 0 < len(snapshot.records) < len(RECORDS)


def test_a_trial_whose_record_is_damaged_is_shown_as_failed(study):
    journal = study / "journal.log"
    text = journal.read_text()
    assert '"low":' in text
    journal.write_text(text.replace('"low":', '"low":"low","was":', 1))
    snapshot = only(study).snapshot()
    assert len(snapshot.records) == len(RECORDS)
    assert sum("record is damaged" in (r.reason or "") for r in snapshot.records) == 1


def test_nothing_outside_the_folder_is_read(study, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "curve.jsonl").write_text('{"epoch": 1, "accuracy": 0.123456}\n')
    shutil.copytree(study, tmp_path / "outside")
    (study.parent / "link").symlink_to(tmp_path / "outside")
    assert [folder.name for folder in study_folders(study.parent)] == ["quickstart"]
    journal = study / "journal.log"
    folder = next(r.folder for r in only(study).snapshot().records if r.folder)
    journal.write_text(journal.read_text().replace(f'"folder":"{folder}"', '"folder":"../../../secret"'))
    shutil.rmtree(study / "trials" / (other := next(r.folder for r in only(study).snapshot().records if r.folder)))
    (study / "trials" / other).symlink_to(secret)
    source = only(study)
    assert all(row.get("accuracy") != 0.123456 for r in source.snapshot().records for row in r.curve)
    reasons = [r.reason or "" for r in source.snapshot().records]
    assert sum("must be one in" in reason for reason in reasons) == 1
    assert sum("must lead to a place within" in reason for reason in reasons) == 1


def test_a_study_without_what_later_versions_wrote_is_read(study):
    (study / "study.yaml").write_text("name: quickstart\nobjectives: [maximize accuracy]\n")
    (study / "env.json").unlink()
    assert len(only(study).snapshot().records) == len(RECORDS)


def test_a_storage_that_is_not_here_is_not_made(study, tmp_path):
    (study / "study.yaml").write_text(json.dumps(STUDY | {"search": {"storage": f"sqlite:///{tmp_path}/none.db"}}))
    assert "there is no such file" in only(study).snapshot().problem
    assert not (tmp_path / "none.db").exists()
