"""Pyramids: MSDNet's layer against a direct computation, and what cannot be built."""

import pytest
import torch

from nas import blocks
from nas.arch import Block, MapShape, PyramidShape, shape_from_json, shape_to_json
from nas.cost import CostTable
from nas.errors import InvalidArchitecture
from nas.space import load_network

SHAPE = PyramidShape((MapShape(8, 12, 12), MapShape(16, 6, 6), MapShape(32, 3, 3)))
FIELDS = {"growth": 4, "factors": [1, 2, 4], "bottlenecks": [1, 2, 4]}
TABLE = CostTable()


def make(name, shape=SHAPE, **fields):
    torch.manual_seed(0)
    return blocks.create(Block(name, blocks.resolve(name, fields)), shape).eval()


def maps(shape=SHAPE, batch=2):
    return tuple(torch.randn(each.tensor(batch)) for each in shape.maps)


@pytest.mark.parametrize("drop", [False, True])
def test_a_layer_is_what_the_paper_says(drop):
    """Each scale: what it had, half of the growth from the finer map, half from itself; the finest all from itself."""
    layer, x = make("multi_scale_dense", **FIELDS, drop_finest=drop), maps()
    with torch.no_grad():
        expected = [
            torch.cat((x[0], layer.same[0](x[0])), 1) if not drop else None,
            torch.cat((x[1], layer.down[0](x[0]), layer.same[1 - drop](x[1])), 1),
            torch.cat((x[2], layer.down[1](x[1]), layer.same[2 - drop](x[2])), 1),
        ]
        found = layer(x)
    for ours, theirs in zip(found, expected[drop:], strict=True):
        torch.testing.assert_close(ours, theirs)
    shapes = (MapShape(12, 12, 12), MapShape(24, 6, 6), MapShape(48, 3, 3))
    assert layer.out_shape(found) == PyramidShape(shapes[drop:], int(drop))
    widths = [[unit.conv.weight.shape[:2] for unit in units] for *units, _ in layer.down]  # the last is attention
    assert widths == [[(4, 8), (4, 4)], [(16, 16), (8, 16)]]


def test_scales_are_counted_from_the_first_finest():
    """Behind a drop the factors are those of the scales that are left."""
    left = PyramidShape(SHAPE.maps[1:], first=1)
    layer = make("multi_scale_dense", left, **FIELDS)
    assert [each.shape[1] for each in layer(maps(left))] == [16 + 8, 32 + 16]
    assert make("pyramid_conv", left, ratio=0.5).out_shape(make("pyramid_conv", left, ratio=0.5)(maps(left))).first == 1


def test_a_pyramid_begins_with_its_map():
    pyramid, x = make("pyramid", SHAPE.maps[0], factors=[2, 4]), torch.randn(2, 8, 12, 12)
    with torch.no_grad():
        first, second, third = pyramid(x)
        assert torch.equal(first, x)
        torch.testing.assert_close(third, pyramid.coarser[1](second))
    assert pyramid.out_shape((first, second, third)) == SHAPE


def test_select_reads_one_map():
    x = maps()
    assert torch.equal(make("select")(x), x[2])
    assert torch.equal(make("select", index=0)(x), x[0])


def test_shapes_survive_json():
    for shape in (SHAPE, PyramidShape(SHAPE.maps[1:], 1)):
        assert shape_from_json(shape_to_json(shape)) == shape
    assert str(SHAPE) == "8x12x12 + 16x6x6 + 32x3x3"


@pytest.mark.parametrize(
    ("name", "fields", "message", "path"),
    [
        ("multi_scale_dense", {"growth": 3, "factors": [1, 1, 1]}, "must be even at scale 1", "growth"),
        ("multi_scale_dense", {"factors": [1, 2]}, "a value for each of the 3 scales, but has 2", "factors"),
        ("multi_scale_dense", {"bottlenecks": [1, 2]}, "a value for each of the 3 scales", "bottlenecks"),
        ("multi_scale_dense", {"factors": [1, 0, 2]}, "at least 1, but got 0", "factors"),
        ("select", {"index": 3}, "must be from -3 to 2", "index"),
        ("conv", {}, "must be a map, but got a pyramid .*; read one of its maps with select", None),
        ("norm", {}, "must be a map, tokens or vector, but got a pyramid", None),
    ],
)
def test_what_cannot_be_built_is_said(name, fields, message, path):
    with pytest.raises(InvalidArchitecture, match=message) as caught:
        make(name, **fields)
    assert caught.value.path == path


def test_the_last_map_stays():
    with pytest.raises(InvalidArchitecture, match="at least one map must stay"):
        make("multi_scale_dense", PyramidShape(SHAPE.maps[2:], 2), **FIELDS, drop_finest=True)


def test_a_layer_without_bottlenecks():
    layer = make("multi_scale_dense", **FIELDS | {"bottlenecks": []})
    assert [len(units) for *units, _ in (*layer.same, *layer.down)] == [1] * 5


def test_memory_of_a_pyramid_is_all_its_maps():
    """Select reads the finest of two maps, which are all alive then: 64 and 4 * 16 floats beside the image."""
    tree = {
        "input": {"resolution": 8, "channels": 1},
        "classes": 2,
        "stem": [{"pyramid": {"factors": [1], "norm": "none", "act": "none"}}, {"select": {"index": 0}}],
        "head": ["pool", "classifier"],
    }
    plan = load_network(tree, TABLE)
    assert [TABLE.step(step).peak_bytes for step in plan.steps[:2]] == [4 * (64 + 16), 4 * (64 + 16)]
