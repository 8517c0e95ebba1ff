from make_stages import make_stages

from nas.report.differing import NO_STAGE, NOT_KNOWN, NOT_REACHED, differences, distance
from nas.store.record import Record


def record(trial: int, accuracy: float = 0.9, **decisions: object) -> Record:
    return Record(
        trial,
        "complete",
        values={"accuracy": accuracy, "latency_ms": 1.0 + trial, "macs": 1e6, "flops": 2e6},
        interval={"latency_ms": (0.9 + trial, 1.1 + trial)},
        decisions=decisions,
    )


def test_a_network_does_not_differ_from_itself():
    assert differences(record(1, kind="a"), record(1, kind="a")) == []


def test_values_that_differ_have_their_intervals():
    rows = {row.label: row[1:] for row in differences(record(0, 0.9), record(1, 0.95))}
    assert rows == {
        "Accuracy": ("90.00%", "95.00%"),
        "Latency": ("1.000 ms [0.900, 1.100]", "2.000 ms [1.900, 2.100]"),
    }


def test_what_only_one_of_them_has_is_said_in_words():
    first, second = record(0, kind="a", deep=True), record(0, kind="b", extra=0.5)
    second = Record(0, "complete", values={}, decisions=second.decisions)
    rows = {row.label: row[1:] for row in differences(first, second)}
    assert rows["kind"] == ("a", "b")
    assert rows["deep"] == ("true", NOT_REACHED)
    assert rows["extra"] == (NOT_REACHED, "0.5")
    assert rows["Accuracy"] == ("90.00%", NOT_KNOWN)
    assert distance(first, second) == 3


def test_decisions_are_compared_only_where_both_have_some():
    assert differences(record(0, kind="a"), record(0)) == []


def test_stages_are_compared_by_name():
    mine, theirs = make_stages(ms=False), make_stages(repeat=3)[:-2]
    rows = {row.label: row[1:] for row in differences(record(0), record(0), (mine, theirs))}
    assert rows["Stage s1"] == ("mbconv + se ×2; 16x8x8", "mbconv + se ×3; 16x8x8")  # noqa: RUF001
    assert rows["Stage head"] == ("pool, classifier; 10", NO_STAGE)
    assert "Stage s2" not in rows


def test_the_share_of_a_stage_in_the_latency_is_told_where_both_were_measured():
    rows = differences(record(0), record(0), (make_stages(), make_stages(repeat=3)))
    assert rows[0] == ("Stage stem", "conv; 8x16x16; 14% of the latency", "conv; 8x16x16; 12% of the latency")


def test_a_latency_that_is_not_to_be_trusted_is_marked():
    doubtful = Record(0, "complete", values={"latency_ms": 2.0}, latency={"trusted": False})
    (row,) = differences(Record(1, "complete", values={"latency_ms": 1.0}), doubtful)
    assert row.second == "2.000 ms, not to be trusted"
