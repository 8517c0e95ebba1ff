"""From what is written to fields: defaults, derived defaults, parts, errors with paths."""

from typing import Annotated

import pytest
from pydantic import Field

from nas import blocks
from nas.arch import REQUIRED, Fields, Part
from nas.blocks.base import Config
from nas.blocks.fields import ActPart, OddInt
from nas.blocks.spec import field_specs
from nas.errors import InvalidArchitecture


def test_every_field_becomes_explicit_and_parts_canonical():
    fields = blocks.resolve("mbconv", {"expand": 4, "attention": {"se": {"gate": "hsigmoid"}}})
    assert fields["expand"] == 4.0
    assert isinstance(fields["expand"], float)
    assert fields["kernel"] == 3
    assert fields["norm"] == Part("batch", Fields({"eps": 1e-5}))
    se = Fields({"of": "hidden", "ratio": 0.0625, "round": False, "gate": Part("hsigmoid"), "act": Part("relu")})
    assert fields["attention"] == Part("se", se)


@pytest.mark.parametrize("written", ["eca", {"eca": None}, {"eca": {}}, {"eca": {"kernel": None}}, Part("eca")])
def test_a_part_may_be_written_in_several_ways(written):
    assert blocks.resolve("mbconv", {"attention": written})["attention"] == Part("eca", Fields({"kernel": None}))


def test_derived_defaults_follow_other_fields_and_null_means_not_written():
    assert [blocks.resolve("conv", {"kernel": k})["padding"] for k in (1, 2, 3, 4, 5, 7)] == [0, 0, 1, 1, 2, 3]
    assert blocks.resolve("conv", {"kernel": 3, "dilation": 2})["padding"] == 2
    assert [blocks.resolve("conv", {"norm": norm})["bias"] for norm in ("none", "batch")] == [True, False]
    assert blocks.resolve("conv", {"padding": None, "bias": None}) == blocks.resolve("conv", {})
    assert blocks.resolve("conv", {"norm": "none", "bias": False})["bias"] is False
    assert blocks.resolve("basic", {"norm": "layer"})["shortcut_norm"].kind == "layer"


def test_an_unwritten_edge_is_none():
    written = blocks.resolve("cell", {"edges": {"1>2": "conv1", "0>1": "skip"}})
    assert written == blocks.resolve("cell", {"edges": {"0>1": "skip", "0>2": "none", "1>2": "conv1"}})
    assert list(written["edges"]) == ["0>1", "0>2", "1>2"]


@pytest.mark.parametrize(
    ("block", "fields", "path", "message"),
    [
        ("conv", {"kernal": 3}, "kernal", "did you mean 'kernel'"),
        ("conv", {"kernel": 0}, "kernel", "must be at least 1, but got 0"),
        ("conv", {"kernel": 99}, "kernel", "must be at most 63, but got 99"),
        ("conv", {"kernel": 3.0}, "kernel", "must be a whole number, but got 3.0"),
        ("conv", {"kernel": True}, "kernel", "must be a whole number, but got True"),
        ("conv", {"order": "conv_act"}, "order", "did you mean 'conv_norm_act'"),
        ("conv", {"act": "rellu"}, "act", "did you mean 'relu'"),
        ("conv", {"act": {"relu": {"slope": 1}}}, "act.relu.slope", "there is no such field; allowed: nothing"),
        ("conv", {"act": {"relu": {}, "gelu": {}}}, "act", "must be the name of one act or"),
        ("conv", {"norm": {"batch": 3}}, "norm.batch", "must be a mapping of fields, but got 3"),
        ("mbconv", {"kernel": 4}, "kernel", "must be odd (3 or 5), but got 4"),
        ("mbconv", {"expand": float("nan")}, "expand", "must be"),
        ("mbconv", {"expand": float("inf")}, "expand", "must be"),
        ("mbconv", {"attention": {"se": {"ratio": "a"}}}, "attention.se.ratio", "must be a number, but got 'a'"),
        ("mbconv", {"attention": {"se": {"gate": "x"}}}, "attention.se.gate", "no act is called 'x'"),
        ("transformer", {}, "heads", "must be given"),
        ("pool", {"read": []}, "read", "at least 1"),
        ("pool", {"read": 3}, "read", "must be a list, but got 3"),
        ("cell", {"edges": {"0>1": "conv5"}}, "edges.0>1", "no op is called 'conv5'"),
        ("cell", {"edges": {"1>0": "conv3"}}, "edges", "must be written 'from>to'"),
        ("cell", {"edges": {"00>1": "conv3"}}, "edges", "must be written 'from>to'"),
        ("cell", {"edges": {"0>99": "conv3"}}, "edges", "must be written 'from>to'"),
        ("cell", {"edges": {}}, "edges", "at least one edge"),
        ("cell", {"edges": "conv3"}, "edges", "must be a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_path(block, fields, path, message):
    with pytest.raises(InvalidArchitecture) as caught:
        blocks.resolve(block, fields)
    assert caught.value.path == path
    assert message in caught.value.reason


def test_the_language_sees_what_the_config_says():
    class Example(Config):
        """An example."""

        many: int = Field(ge=1, le=9, description="how many")
        odd: OddInt | None = Field(None, ge=3, description="odd")
        half: int = Field(default_factory=lambda data: data["many"] // 2, description="half as many")
        act: ActPart = Field(Part("relu"), description="activation")
        words: Annotated[tuple[str, ...], "words"] = Field(("a",), description="words")

    many, odd, half, act, words = field_specs(Example).values()
    assert (many.kind, many.default, many.low, many.high, many.doc) == ("int", REQUIRED, 1, 9, "how many")
    assert (odd.kind, odd.default, odd.nullable, odd.low) == ("int", None, True, 3)
    assert (half.default, half.nullable) == (None, True)
    assert (act.kind, act.family, act.default) == ("part", "act", Part("relu"))
    assert (words.kind, words.item, words.default) == ("list", "str", ("a",))
    with pytest.raises(TypeError, match="a field must be"):
        field_specs(type("Odd", (Config,), {"__annotations__": {"x": complex}, "x": 1j}))
