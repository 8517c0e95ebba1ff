import json
import math

import pyarrow.parquet
import pytest
from cases import CASES
from make_records import ENV, STUDY, make_records

from nas.errors import StoreError
from nas.report import best, front, hypervolume, write_report
from nas.report.files import front_document

TRIAL = {"trial", "role", "name", "arch_id", "state", "feasible", "values", "interval", "decisions"}


def strict(text: str):
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("results") / "study"
    write_report(path, make_records(), STUDY, ENV)
    return path


def test_three_files_and_nothing_else(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["front.json", "report.html", "trials.parquet"]


def test_front_json_has_the_stable_keys(folder):
    found = strict((folder / "front.json").read_text())
    records = make_records()
    assert list(found) == [
        "study",
        "objectives",
        "budgets",
        "front",
        "baselines",
        "best",
        "hypervolume",
        "predictor",
        "proxies",
        "learnt_from_proxies",
    ]
    assert found["objectives"] == STUDY["objectives"]
    assert found["budgets"] == STUDY["budgets"]
    assert [t["trial"] for t in found["front"]] == [r.trial for r in front(records, STUDY)]
    assert all(set(t) == TRIAL for t in [*found["front"], *found["baselines"], found["best"]])
    assert {t["name"] for t in found["baselines"]} == set(STUDY["baselines"])
    assert found["best"] == found["front"][0]
    assert found["best"]["interval"]["latency_ms"][0] < found["best"]["values"]["latency_ms"]
    assert found["hypervolume"] == pytest.approx(hypervolume(records, STUDY))


@pytest.mark.parametrize("case", CASES)
def test_every_study_can_be_written(case, tmp_path):
    records, study = CASES[case]
    write_report(tmp_path, records, study, {})
    found = strict((tmp_path / "front.json").read_text())
    leader = best(records, study)
    assert (found["best"] or {}).get("trial") == (leader.trial if leader else None)
    table = pyarrow.parquet.read_table(tmp_path / "trials.parquet")
    assert table.column("trial").to_pylist() == [r.trial for r in records]


def test_numbers_that_are_not_finite_become_null():
    records, study = CASES["only broken values"]
    document = front_document(records, study)
    assert json.dumps(document, allow_nan=False)
    assert document["best"] is None or all(v is None or math.isfinite(v) for v in document["best"]["values"].values())


def test_the_table_of_trials_is_flat_and_complete(folder):
    table = pyarrow.parquet.read_table(folder / "trials.parquet")
    records = make_records()
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    assert table.num_rows == len(records) == 367
    for i, record in enumerate(records):
        assert columns["accuracy"][i] == record.values.get("accuracy")
        assert json.loads(columns["decisions"][i]) == record.decisions
        assert columns["decision.width"][i] == record.decisions.get("width")
        assert columns["decision.s2.block"][i] == record.decisions.get("s2.block")
        assert columns["constraint.macs <= 5e6"][i] == record.constraints.get("macs <= 5e6")
        assert columns["feasible"][i] == record.feasible
        assert columns["low.latency_ms"][i] == record.interval.get("latency_ms", (None, None))[0]
        curve = [row["accuracy"] for row in record.curve] or None
        assert columns["curve.accuracy"][i] == curve
    assert sum(columns["on_front"]) == len(front(records, STUDY))
    about = json.loads(table.schema.metadata[b"nas"])
    assert about["hypervolume_reference"] == {"accuracy": 0.0, "latency_ms": 1.5}


def test_columns_have_the_narrowest_type(folder):
    schema = pyarrow.parquet.read_schema(folder / "trials.parquet")
    types = {name: str(schema.field(name).type) for name in schema.names}
    assert types["decision.s1.repeat"] == "int64"
    assert types["decision.width"] == "double"
    assert types["decision.act"] == "string"
    assert types["latency.flags"].startswith("list<")


def test_a_folder_that_cannot_be_written_is_an_error_to_read(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="results must be writable"):
        write_report(tmp_path / "file", [], {}, {})
    (tmp_path / "trials.parquet").mkdir()
    with pytest.raises(StoreError, match=r"trials\.parquet"):
        write_report(tmp_path, [], {}, {})
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_writing_again_replaces_all(tmp_path):
    write_report(tmp_path, make_records(0, 10, 5), STUDY, ENV)
    write_report(tmp_path, [], STUDY, ENV)
    assert strict((tmp_path / "front.json").read_text())["front"] == []
    assert pyarrow.parquet.read_table(tmp_path / "trials.parquet").num_rows == 0
