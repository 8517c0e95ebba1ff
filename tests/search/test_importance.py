import random
import sys

import pytest

from nas.search.importance import BEST, FEWEST, MOST, decision_importance


def networks(count: int, seed: int = 0) -> tuple[list[dict[str, object]], list[float]]:
    """Networks whose gain follows from `kind`, a little from `width` and not at all from the others."""
    rng = random.Random(seed)
    decisions: list[dict[str, object]] = []
    for _ in range(count):
        each: dict[str, object] = {
            "kind": rng.choice(["a", "b", "c"]),
            "width": rng.choice([1, 2, 4]),
            "noise": rng.choice([True, False]),
            "same": 3,
        }
        if each["kind"] == "b":
            each["only_b"] = rng.choice([1, 2])
        decisions.append(each)
    gains = [
        {"a": 1.0, "b": 0.0, "c": 0.1}[str(d["kind"])] + 0.05 * float(str(d["width"])) + rng.gauss(0, 0.02)
        for d in decisions
    ]
    return decisions, gains


def test_what_settles_the_result_is_most_important_and_noise_is_not_told_from_chance():
    found = decision_importance(*networks(120))
    assert found is not None
    assert next(iter(found.share)) == "kind"
    assert sum(found.share.values()) == pytest.approx(1)
    assert found.share["kind"] > found.chance["kind"]
    assert found.share["noise"] < found.chance["noise"]
    assert found.share["only_b"] < found.chance["only_b"]
    assert "same" not in found.share
    assert (found.networks, found.best) == (120, 12)


def test_the_same_networks_give_the_same_numbers():
    assert decision_importance(*networks(40)) == decision_importance(*networks(40))


def test_too_few_networks_and_equal_ones_say_nothing():
    decisions, gains = networks(FEWEST)
    assert decision_importance(decisions[1:], gains[1:]) is None
    found = decision_importance(decisions, gains)
    assert found is not None
    assert found.best == BEST
    assert decision_importance(decisions, [0.5] * FEWEST) is None
    assert decision_importance([{"same": 1}] * FEWEST, gains) is None


def test_of_many_an_even_selection_is_looked_at():
    decisions, gains = networks(3 * MOST)
    found = decision_importance(decisions, gains)
    assert found is not None
    assert found.networks == MOST
    assert next(iter(found.share)) == "kind"


def test_labels_of_any_type_may_be_decided():
    decisions, gains = networks(40)
    mixed = [d | {"mixed": [1, 2] if i % 2 else None} for i, d in enumerate(decisions)]
    found = decision_importance(mixed, gains)
    assert found is not None
    assert "mixed" in found.share


def test_torch_is_not_needed():
    import subprocess

    code = "import sys, nas.search.importance; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
