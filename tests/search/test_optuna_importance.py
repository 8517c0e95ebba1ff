import random
import sys

import pytest

from nas.search.importance import FEWEST, MOST, importance_for_the_best


def networks(count: int, seed: int = 0) -> tuple[list[dict[str, object]], list[float]]:
    """Networks whose gain follows from `kind` and from nothing else."""
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
    gains = [{"a": 1.0, "b": 0.0, "c": 0.1}[str(d["kind"])] + rng.gauss(0, 0.02) for d in decisions]
    return decisions, gains


def test_what_settles_the_result_is_most_important_and_noise_is_not():
    found = importance_for_the_best(*networks(200))
    assert found is not None
    assert max(found, key=lambda name: found[name]) == "kind"
    assert sum(found.values()) == pytest.approx(1)
    assert found["noise"] < 0.1
    assert found["only_b"] < 0.1
    assert "same" not in found


def test_small_is_good_where_gains_say_so():
    decisions = [{"width": i % 5} for i in range(100)]
    assert importance_for_the_best(decisions, [-float(str(d["width"])) for d in decisions]) == {"width": 1.0}


def test_too_few_networks_and_equal_ones_say_nothing():
    decisions, gains = networks(FEWEST)
    assert importance_for_the_best(decisions[1:], gains[1:]) is None
    assert importance_for_the_best(decisions, gains) is not None
    assert importance_for_the_best(decisions, [0.5] * FEWEST) is None
    assert importance_for_the_best([{"same": 1}] * FEWEST, gains) is None


def test_of_many_an_even_selection_is_looked_at():
    decisions, gains = networks(3 * MOST)
    found = importance_for_the_best(decisions, gains)
    assert found is not None
    assert max(found, key=lambda name: found[name]) == "kind"


def test_labels_of_any_type_may_be_decided():
    decisions, gains = networks(60)
    mixed = [d | {"mixed": [1, 2] if i % 2 else None} for i, d in enumerate(decisions)]
    found = importance_for_the_best(mixed, gains)
    assert found is not None
    assert "mixed" in found


def test_torch_is_not_needed():
    import subprocess

    code = "import sys, nas.search.importance; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
