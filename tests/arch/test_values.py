"""Decided values: equality, hashing, canonical text and JSON."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.arch import Architecture, Block, Fields, MapShape, Part, Segment, value_from_json, value_to_json

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
names = st.text(min_size=1).filter(lambda text: not text.startswith("@"))
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(names, inner, max_size=3).map(Fields)
        | st.builds(Part, names, st.dictionaries(names, inner, max_size=3).map(Fields))
    ),
    max_leaves=8,
)


def block(**fields):
    return Block("mbconv", Fields(fields), out=24, stride=2)


@given(values)
def test_json_round_trip(value):
    assert value_from_json(json.loads(json.dumps(value_to_json(value)))) == value


@given(st.dictionaries(names, values, max_size=4))
def test_order_of_fields_does_not_matter(fields):
    backwards = dict(reversed(fields.items()))
    assert Fields(fields) == Fields(backwards)
    assert hash(Fields(fields)) == hash(Fields(backwards))
    assert Block("x", Fields(fields)).canonical == Block("x", Fields(backwards)).canonical


def test_fields_survive_pickling():
    fields = Fields({"attention": Part("se", Fields({"ratio": 0.25}))})
    assert pickle.loads(pickle.dumps(fields)) == fields


def test_a_part_beside_other_keys_is_refused():
    with pytest.raises(ValueError, match="a part must be"):
        value_from_json({"@se": {}, "ratio": 1})


def network(*blocks, name="net", stage="s1"):
    return Architecture(name, MapShape(3, 32, 32), 10, (Segment(stage, blocks),))


def test_arch_id_ignores_names_and_how_blocks_are_grouped():
    one, two = block(kernel=3), block(kernel=5)
    split = Architecture("other", MapShape(3, 32, 32), 10, (Segment("a", (one,)), Segment("b", (two,))))
    assert split.arch_id == network(one, two).arch_id


@pytest.mark.parametrize(
    "other",
    [
        network(block(kernel=5)),
        network(block(kernel=3), block(kernel=3)),
        Architecture("net", MapShape(1, 32, 32), 10, (Segment("s1", (block(kernel=3),)),)),
        Architecture("net", MapShape(3, 32, 32), 11, (Segment("s1", (block(kernel=3),)),)),
        network(Block("mbconv", Fields({"kernel": 3}), out=24, stride=1)),
    ],
)
def test_arch_id_tells_networks_apart(other):
    assert other.arch_id != network(block(kernel=3)).arch_id


def test_architecture_round_trip_and_tampering():
    architecture = network(block(kernel=3, attention=Part("se", Fields({"ratio": 0.25}))))
    data = json.loads(json.dumps(architecture.to_json()))
    assert Architecture.from_json(data) == architecture
    data["segments"][0]["blocks"][0]["out"] = 32
    with pytest.raises(ValueError, match="arch_id must be"):
        Architecture.from_json(data)


def test_unknown_format_is_refused():
    data = network(block()).to_json() | {"format": 99}
    with pytest.raises(ValueError, match="format must be 1"):
        Architecture.from_json(data)
