import pytest

from nas.report import words
from nas.report.aims import read_aims
from nas.store.record import Record


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy", 0.97361, "97.36%"),
        ("robust_accuracy", 1.0, "100.00%"),
        ("latency_ms", 0.9961, "0.996 ms"),
        ("latency_ms", 1.01, "1.010 ms"),
        ("latency_ms", 12.345, "12.35 ms"),
        ("latency_ms", 0.01234, "0.0123 ms"),
        ("macs", 4_614_258.0, "4.61 M"),
        ("params", 999_600.0, "1.00 M"),
        ("params", 512.0, "512"),
        ("peak_bytes", 2.5e6, "2.50 MB"),
        ("seconds", 75.0, "75.0 s"),
        ("loss", 0.123456, "0.1235"),
        ("loss", -0.5, "\u22120.5000"),
        ("loss", 1e-12, "1.000e-12"),
        ("loss", 0.0, "0"),
        ("accuracy", None, "\u2013"),
        ("accuracy", float("nan"), "\u2013"),
    ],
)
def test_quantity(name, value, text):
    assert words.quantity(name, value) == text


def test_intervals_and_differences():
    assert words.interval("accuracy", (0.961, 0.9832)) == "[96.10, 98.32]"
    assert words.interval("latency_ms", (1.19, 1.23)) == "[1.190, 1.230]"
    assert words.interval("latency_ms", None) == words.interval("latency_ms", (float("nan"), 1.0)) == ""
    assert words.difference("accuracy", 0.018) == "+1.80 points"
    assert words.difference("latency_ms", -0.3) == "\u22120.300 ms"
    assert words.difference("accuracy", 0.0) == "\u00b10.00 points"


def test_amounts_say_of_what():
    assert words.amount("latency_ms", 1.2) == "1.200 ms"
    assert words.amount("macs", 4.06e6) == "4.06 M MACs"
    assert words.amount("energy", 0.31) == "energy 0.3100"
    assert words.kind_of("accuracy - 0.01 * latency_ms") == "number"
    assert words.short("x" * 40) == "x" * 27 + "…"


def test_budgets_and_labels():
    aims = read_aims({"budgets": ["latency_ms <= 1.5", "macs <= 5e6", "accuracy >= 0.9", "a + b < 2"]})
    assert words.budgets_text(aims) == "latency ≤ 1.5 ms, MACs ≤ 5 M, accuracy ≥ 90% and a + b < 2"
    assert words.axis_label("latency_ms") == "latency (ms)"
    assert words.axis_label("macs") == "MACs"
    assert words.join([]) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\u2013"),
        (3.21, "3.2 s"),
        (42, "42 s"),
        (120, "2 min"),
        (192, "3 min 12 s"),
        (7500, "2 h 5 min"),
        (3600, "1 h"),
    ],
)
def test_duration(seconds, text):
    assert words.duration(seconds) == text


def test_decisions_are_summarised_by_stage():
    decisions = {
        "width": 0.75,
        "s1.repeat": 2,
        "s1.block": "mbconv",
        "s1.0.block.mbconv.kernel": 3,
        "s1.1.block.mbconv.kernel": 5,
        "s1.0.block.mbconv.se": True,
        "s1.1.block.mbconv.se": True,
    }
    assert words.summarise(decisions) == ["width 0.75", "s1: repeat 2, block mbconv, kernel 3 5, se true"]


def test_what_the_command_line_calls_a_trial():
    assert words.reference(Record(17, "complete")) == "17"
    assert words.reference(Record(0, "complete", role="finalist", source=17)) == "finalist/0"


def test_what_a_network_is_called():
    assert words.network(Record(3, "complete")) == "trial 3"
    assert words.network(Record(9, "complete", role="finalist", source=3)) == "trial 3, retrained"
    assert words.network(Record(1, "complete", role="baseline", name="zoo/resnet8")) == "resnet8"
