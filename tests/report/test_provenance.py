import dataclasses

import pytest
from make_records import ENV, STUDY, make_records

from nas.report.aims import read_aims
from nas.report.provenance import provenance
from nas.store.record import Record

AIMS = read_aims(STUDY)
RECORDS = make_records()


def facts(record, records=RECORDS, env=ENV):
    return dict(provenance(record, records, AIMS, env))


def candidate(trial: int, **decisions: object) -> Record:
    return Record(trial, "complete", decisions=decisions)


def test_a_finalist_tells_where_it_comes_from_when_and_by_which_seeds():
    finalist = next(r for r in RECORDS if r.role == "finalist")
    found = facts(finalist)
    assert found["retrained from"] == f"trial {finalist.source}, of the front"
    source = next(r for r in RECORDS if r.role == "candidate" and r.trial == finalist.source)
    assert found["nearest before it"] == facts(source)["nearest before it"]
    assert found["seeds"] == "search 0 and data 0"
    assert found["started"].startswith("2023-11-14 ")
    assert found["trained"].startswith("24 epochs")
    assert found["latency measured"] == "on cpu"
    assert facts(next(r for r in RECORDS if r.role == "baseline"))["proposed by"].startswith("known network")


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ({"by": "tpe", "drawn": 9, "independent": 0}, "sampler tpe"),
        ({"by": "nsga2", "drawn": 9, "independent": 4}, "sampler nsga2; 4 of 9 decisions drawn at random"),
        (
            {"by": "surrogate", "drawn": 9, "independent": 0, "informed": {"accuracy": True, "latency_ms": False}},
            "sampler surrogate; it told accuracy from proxies' scores",
        ),
        (
            {"by": "surrogate", "drawn": 9, "independent": 0, "informed": {"accuracy": False}},
            "sampler surrogate; it told no objective from proxies' scores",
        ),
        ({"by": "near"}, "a neighbour of a good network"),
        ({"by": "anywhere"}, "drawn at random"),
        ({"by": "reachable"}, "the first network found within the budgets"),
        ({"by": "start"}, "a network that the search was started at: zoo/a"),
    ],
)
def test_what_proposed_it_is_said(origin, words):
    record = dataclasses.replace(candidate(1, kind="a"), origin=origin, name="zoo/a")
    assert facts(record)["proposed by"].startswith(words)


def test_the_nearest_network_from_before_is_named():
    records = [candidate(0, a=1, b=1), candidate(1, a=1, b=2), candidate(2, a=2, b=2), candidate(3, a=2, b=3)]
    assert facts(records[3], records)["nearest before it"] == "trial 2, 1 other decision"
    assert "nearest before it" not in facts(records[0], records)


def test_an_old_study_says_less_and_nothing_wrong():
    assert facts(Record(3, "complete"), [], {}) == {"trial": "3", "seeds": "search 0 and data 0"}
    software = facts(Record(3, "complete"), [], {"nas": "1.0", "torch": "2", "commit": "abc"})["software"]
    assert software == "nas 1.0, torch 2, commit abc"
