import math
import random

import pytest
from cases import CASES
from make_records import STUDY, make_records

from nas.report.importance import chance_level, importance
from nas.report.parallel import MOST, coordinates, short_names
from nas.store.record import Record


def record(trial: int, accuracy: float, **decisions: object) -> Record:
    return Record(trial, "complete", values={"accuracy": accuracy}, decisions=decisions)


def test_a_decision_that_settles_the_result_accounts_for_all_of_it():
    records = [record(i, 0.9 if i % 2 else 0.8, kind="a" if i % 2 else "b", noise=i % 3, same=1) for i in range(12)]
    shares = importance(records, STUDY)
    assert list(shares) == ["kind", "noise"]
    assert shares["kind"] == pytest.approx(1.0)
    assert shares["noise"] < 0.05


def test_a_decision_counts_by_how_many_networks_reached_it():
    records = [record(i, 0.9 if i % 2 else 0.8, **({"kind": i % 2} if i < 4 else {})) for i in range(8)]
    assert importance(records, STUDY) == {"kind": pytest.approx(0.5)}


def test_all_alike_and_all_different_say_nothing():
    assert importance([record(i, 0.9, alone=i, same=1) for i in range(5)], STUDY) == {}
    assert importance([record(i, 0.9, two=i % 2) for i in range(6)], STUDY) == {"two": 0.0}


def test_axes_go_from_decisions_over_costs_to_the_first_objective():
    found = coordinates(make_records(), STUDY)
    names = [axis.name for axis in found.axes]
    assert names[-4:] == ["params", "macs", "latency_ms", "accuracy"]
    assert "width" in names
    for axis in found.axes:
        assert len(axis.places) == len(axis.words) == len(found.networks)
        assert all(-0.05 <= place <= 1.05 for place in axis.places)
    best_first = [r.values["accuracy"] for r in found.networks]
    assert best_first == sorted(best_first, reverse=True)


def test_of_many_networks_an_even_selection_is_drawn():
    records = [record(i, i / 1000, width=i % 4) for i in range(1000)]
    found = coordinates(records, STUDY)
    assert (len(found.networks), found.trained) == (MOST, 1000)
    assert (found.networks[0].trial, found.networks[-1].trial) == (999, 0)


def test_places_are_numbers_or_missing_for_every_study():
    for records, study in CASES.values():
        for axis in coordinates(records, study).axes:
            assert all(math.isnan(p) or -0.05 <= p <= 1.05 for p in axis.places)


def test_names_are_shortened_unless_two_would_look_alike():
    names = ["width", "s1.repeat", "s1.0.block.mbconv.kernel", "s2.block.a.kernel", "s2.block.b.kernel"]
    assert list(short_names(names).values()) == [
        "width",
        "s1 repeat",
        "s1.0 kernel",
        "s2.block.a.kernel",
        "s2.block.b.kernel",
    ]


def test_chance_seldom_gives_any_decision_more_than_its_level():
    rng = random.Random(0)
    over = 0
    for _ in range(60):
        records = [record(i, rng.random(), **{f"d{k}": rng.randrange(3) for k in range(12)}) for i in range(25)]
        over += max(importance(records, STUDY).values()) > chance_level(records, STUDY)
    assert over <= 9  # of 60, 5% of which is 3


def test_what_settles_the_result_is_far_above_chance():
    records = [record(i, 0.9 if i % 2 else 0.8, kind=i % 2, noise=i % 3) for i in range(24)]
    assert importance(records, STUDY)["noise"] < chance_level(records, STUDY) < 0.5


def test_where_nothing_differs_there_is_no_chance_either():
    assert math.isnan(chance_level([], STUDY))
    assert math.isnan(chance_level([record(i, 0.9, kind=i % 2) for i in range(12)], STUDY))
    assert math.isnan(chance_level([record(i, i / 12, kind=1) for i in range(12)], STUDY))


def test_decisions_with_as_many_labels_as_networks_nearly_take_no_more_room_than_others():
    rng = random.Random(0)
    records = [record(i, rng.random(), rate=rng.randrange(3000), kind=i % 2) for i in range(3000)]
    assert abs(importance(records, STUDY)["rate"]) < 0.2
    assert 0 < chance_level(records, STUDY) < 0.2
