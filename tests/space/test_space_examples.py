"""The worked examples of the language load, decode to what they should be, and stay what they are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fake_catalogue import FakeCatalogue

from nas.arch import MapShape, TokenShape, VectorShape
from nas.space import load_network, load_space

EXAMPLES = Path(__file__).parent / "examples"
NETWORKS = {"mobilenet_v3_large_abbreviated": 16, "swin_tiny": 20, "deit_tiny_distilled": 18}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_loads_samples_and_decodes(path: Path) -> None:
    space = load_space(path, FakeCatalogue())
    plan = space.decode(space.sample(random.Random(0)))
    assert plan.steps[-1].out_shape == VectorShape(space.classes)
    assert plan.name == space.name == path.stem


@pytest.mark.parametrize("name", NETWORKS)
def test_a_space_with_no_choice_left_is_a_network(name: str) -> None:
    plan = load_network(EXAMPLES / f"{name}.yaml", FakeCatalogue())
    assert sum(not step.inserted for step in plan.steps) == NETWORKS[name]


def test_the_hybrid_space_asks_by_path() -> None:
    space = load_space(EXAMPLES / "hybrid.yaml", FakeCatalogue())
    decisions = {decision.name: decision for decision in space.decisions}
    assert len(decisions) == 82
    assert decisions["s1.repeat"].values == (1, 2, 3)
    assert decisions["s1.repeat"].kind == "range"
    assert decisions["s1.1.block.mbconv.kernel"].when == "s1.repeat > 1"
    assert decisions["s3.block"].values == ("mbconv", "transformer")
    assert decisions["s4.3.block.transformer.mixer"].when == "s4.repeat > 3 and s4.block == 'transformer'"
    assert decisions["s4.out"].when is None  # the downsample stays, and with it the stage's out


def test_shapes_of_swin() -> None:
    plan = load_network(EXAMPLES / "swin_tiny.yaml", FakeCatalogue())
    last = {span.name: plan.steps[span.stop - 1] for span in plan.spans if span.name != "head"}
    assert [str(last[name].out_shape) for name in ("s1", "s2", "s3", "s4")] == [
        "3136 tokens (56x56) x 96",
        "784 tokens (28x28) x 192",
        "196 tokens (14x14) x 384",
        "49 tokens (7x7) x 768",
    ]
    shifts = [step.block.fields["mixer"].fields["shift"] for step in plan.steps if step.block.type == "transformer"]  # type: ignore[union-attr]
    assert shifts == [0, 3, 0, 3, 0, 3, 0, 3, 0, 3, 0, 3]
    assert {step.block.fields["heads"] for step in plan.steps if step.block.type == "transformer"} == {3, 6, 12, 24}


def test_deit_has_its_extra_tokens() -> None:
    plan = load_network(EXAMPLES / "deit_tiny_distilled.yaml", FakeCatalogue())
    assert plan.steps[-4].out_shape == TokenShape(198, 192, (14, 14), ("class", "distill"))
    assert plan.steps[-2].out_shape == VectorShape(192, 2)


def test_mobilenet_lists_by_block() -> None:
    plan = load_network(EXAMPLES / "mobilenet_v3_large_abbreviated.yaml", FakeCatalogue())
    s4 = [step.block for step in dict(plan.by_span())["s4"]]
    assert [block.out for block in s4] == [80, 80, 80, 80, 112, 112]
    assert [block.stride for block in s4] == [2, 1, 1, 1, 1, 1]
    assert [block.fields["expand"] for block in s4] == [6, 2.5, 2.3, 2.3, 6, 6]
    assert [block.fields["attention"].kind for block in s4] == ["none"] * 4 + ["se"] * 2  # type: ignore[union-attr]
    assert {block.fields["act"].kind for block in s4} == {"hswish"}  # type: ignore[union-attr]
    assert plan.train["dropout"] == 0.2
    assert plan.input == MapShape(3, 224, 224)


def test_cells_share_what_a_var_decides() -> None:
    space = load_space(EXAMPLES / "nasbench201.yaml", FakeCatalogue())
    assert [decision.name for decision in space.decisions] == [
        f"cell.cell.edges.{edge}" for edge in ("0>1", "0>2", "1>2", "0>3", "1>3", "2>3")
    ]
    plan = space.decode(space.sample(random.Random(3)))
    assert len({step.block.fields for step in plan.steps if step.block.type == "cell"}) == 1
