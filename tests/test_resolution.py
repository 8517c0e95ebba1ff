"""The nearest resolutions that an error names are those that trying every one of them finds."""

from __future__ import annotations

import re

import pytest

from nas.cost import CostTable
from nas.errors import InvalidArchitecture, SpecError
from nas.files import shipped
from nas.space import Space, load_network, load_space, wrap

TABLE = CostTable()
WINDOWS = {
    "input": {"resolution": 56},
    "classes": 3,
    "stem": [{"conv": {"out": 8, "kernel": 4, "stride": 4, "padding": 0}}],
    "stages": [{"name": "s1", "block": {"transformer": {"heads": 2, "mixer": {"window": {"size": 7}}}}}],
    "head": ["pool", "classifier"],
}


def told(tree, resolution):
    """What the error says of the nearest; None where the network can be built."""
    try:
        load_network(
            tree, TABLE, resolution=resolution, resolution_from="--resolution", roots=[shipped("search_spaces")]
        )
    except SpecError as error:
        found = re.search(r"the nearest that fits? (?:are|is) (\d+)(?: and (\d+))?;", str(error))
        return [int(each) for each in found.groups() if each] if found else []
    return None


@pytest.fixture(scope="module")
def fitting():
    """Every resolution up to 300 that suits the windows."""
    return {side for side in range(4, 300) if load_space(WINDOWS, TABLE, resolution=side).contains({})}


@pytest.mark.parametrize("side", [33, 55, 60, 83, 99, 110, 130])
def test_they_fit_and_nothing_nearer_comes_to_another_map(side, fitting):
    lower = max((each for each in fitting if side // 2 <= each < side), default=None)
    upper = min(each for each in fitting if each > side)
    expected = [each // 4 * 4 for each in (lower, upper) if each is not None]  # four in a row come to one map
    assert told(WINDOWS, side) == expected
    assert set(expected) <= fitting


@pytest.mark.parametrize(
    ("name", "side", "nearest"),
    [
        ("swin_tiny", 456, [448, 672]),
        ("swin_tiny", 8, [224]),
        ("cswin_tiny", 250, [224, 448]),
        ("maxvit_tiny", 28, [224]),
        ("mobilevit_xxs", 230, [192, 256]),
        ("resnet50", 1, [32]),
        ("vit_tiny_16", 15, [16]),
    ],
)
def test_of_networks_of_the_zoo(name, side, nearest):
    assert told(f"zoo/{name}", side) == nearest
    for each in nearest:
        assert told(f"zoo/{name}", each) is None


def test_nothing_is_tried_where_the_resolution_is_not_at_fault(monkeypatch):
    tried = []
    monkeypatch.setattr(Space, "decode", lambda space, decisions: tried.append(1) or space.decoder.decode(decisions))
    heads = WINDOWS | {"stages": [{"name": "s1", "block": {"transformer": {"heads": 3}}}]}
    assert told(heads, 56) == []
    assert len(tried) == 2  # as written, and at twice the resolution


def test_an_expression_of_the_resolution_is_tried_with_each():
    """A window of an eighth of the input fits wherever that is a whole number."""
    window = {"window": {"size": "$input.resolution // 8"}}
    tree = WINDOWS | {"stages": [{"name": "s1", "block": {"transformer": {"heads": 2, "mixer": window}}}]}
    assert told(tree, 56) is None
    (below, above) = told(tree, 60)
    assert (below, above) == (56, 64)


def test_decisions_stay_and_the_rest_of_the_network_may_forbid_resolutions():
    tree = WINDOWS | {"input": {"resolution": {"choice": [56, 70]}}, "constraints": ["input.resolution <= 80"]}
    space = Space(wrap(tree), TABLE)
    decisions = {"input.resolution": 70}
    with pytest.raises(InvalidArchitecture) as caught:
        space.decode(decisions)
    said = str(space.told(decisions, caught.value))
    assert "or change the resolution 70: the nearest that fits is 56" in said
    assert decisions == {"input.resolution": 70}


def test_an_input_that_is_not_square_names_none():
    tree = WINDOWS | {"input": {"height": 56, "width": 70}}
    with pytest.raises(SpecError, match=r"must divide the grid \(14x17\)") as caught:
        load_network(tree, TABLE)
    assert "nearest" not in str(caught.value)
