"""The rules of the language, one by one."""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from fake_catalogue import FakeCatalogue

from nas.arch import Plan, Step
from nas.errors import InvalidArchitecture, SpecError
from nas.space import BadDecisions, EmptySpace, Space, load_network, load_space, read_text
from nas.space.operators import choice, each, optional, range_

HEAD = "classes: 10\ninput: {resolution: 32}\nstem: [conv: {out: 16}]\n"


def space_of(text: str, catalogue: FakeCatalogue | None = None) -> Space:
    return Space(read_text(text, "space.yaml"), catalogue or FakeCatalogue())


def names(space: Space) -> list[str]:
    return [decision.name for decision in space.decisions]


def first(space: Space, **answers: Any) -> dict[str, Any]:
    """The walk that takes the first label of everything but `answers` (dots written `__`)."""
    wanted = {name.replace("__", "."): label for name, label in answers.items()}
    return space.walk(lambda decision: wanted.get(decision.name, decision.values[0]))


def plan_of(text: str, **answers: Any) -> Plan:
    space = space_of(text)
    return space.decode(first(space, **answers))


def stage(plan: Plan, name: str) -> list[Step]:
    return list(dict(plan.by_span())[name])


def outs(plan: Plan, name: str) -> list[tuple[str, int | None, int]]:
    return [(step.block.type, step.block.out, step.block.stride) for step in stage(plan, name)]


# names and scopes


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("block: {mbconv: {kernel: {choice: [3, 5]}}}", ["s1.block.mbconv.kernel"]),
        (
            "per: block, block: {mbconv: {kernel: {choice: [3, 5]}}}",
            ["s1.0.block.mbconv.kernel", "s1.1.block.mbconv.kernel"],
        ),
        (
            "block: {mbconv: {kernel: {choice: [3, 5], per: block}}}",
            ["s1.0.block.mbconv.kernel", "s1.1.block.mbconv.kernel"],
        ),
        (
            "per: block, block: {choice: [{mbconv: {kernel: {choice: [3, 5]}}}, basic], per: stage}",
            ["s1.block", "s1.0.block.mbconv.kernel", "s1.1.block.mbconv.kernel"],
        ),
        (
            "block: {choice: [{mbconv: {kernel: {choice: [3, 5]}}}, basic], per: block}",
            ["s1.0.block", "s1.0.block.mbconv.kernel", "s1.1.block", "s1.1.block.mbconv.kernel"],
        ),
        (
            "block: {choice: {small: {mbconv: {kernel: {choice: [3, 5]}}}, big: {mbconv: {kernel: 7}}}}",
            ["s1.block", "s1.block.small.mbconv.kernel"],
        ),
        (
            "block: {mbconv: {attention: {choice: [none, {se: {ratio: {choice: [0.25, 0.5]}}}]}}}",
            ["s1.block.mbconv.attention", "s1.block.mbconv.attention.se.ratio"],
        ),
        ("block: [conv, {mbconv: {kernel: {choice: [3, 5]}}}]", ["s1.block.1.mbconv.kernel"]),
        (
            "block: {mbconv: {kernel: {each: [{choice: [3, 5]}, 7]}}}",
            ["s1.0.block.mbconv.kernel"],
        ),
        ("out: {choice: [8, 16]}, block: conv", ["s1.out"]),
        ("out: {choice: [8, 16], per: block}, block: conv", ["s1.0.out", "s1.1.out"]),
        ("per: block, out: {choice: [8, 16]}, block: conv", ["s1.out"]),
        (
            "stride: {choice: [1, 2]}, downsample: {conv: {kernel: {choice: [1, 3]}}}, block: basic",
            ["s1.stride", "s1.downsample.conv.kernel"],
        ),
        ("defaults: {act: {choice: [relu, silu]}}, block: basic", ["s1.defaults.act"]),
    ],
)
def test_decisions_are_named_by_path(body: str, expected: list[str]) -> None:
    assert names(space_of(f"{HEAD}stages: [{{name: s1, repeat: 2, {body}}}]")) == expected


def test_decisions_of_stem_head_input_and_train_are_named_by_path() -> None:
    space = space_of(
        """
      classes: 10
      input: {height: {choice: [32, 64]}, width: 32}
      stem: [conv: {out: {choice: [8, 16]}}, {optional: basic}]
      head: {choice: [[pool], {pool: {}}]}
    """.replace("[[pool], {pool: {}}]", "{plain: [pool, classifier], rich: [conv: {kernel: {choice: [1, 3]}}, pool]}")
        + """
      train: {dropout: {choice: [0, 0.1]}, rate: {range: [1e-4, 1e-2], log: true}}
    """
    )
    assert names(space) == [
        "input.height", "stem.0.conv.out", "stem.1", "head", "head.rich.0.conv.kernel", "train.dropout", "train.rate"
    ]  # fmt: skip
    assert [decision.train for decision in space.decisions] == [False] * 5 + [True] * 2


def test_an_alias_decides_for_itself_and_a_var_for_all() -> None:
    stages = "stages: [{name: a, block: %s}, {name: b, block: %s}]"
    one = "{mbconv: {kernel: {choice: [3, 5]}}}"
    assert names(space_of(HEAD + stages % (f"&x {one}", "*x"))) == ["a.block.mbconv.kernel", "b.block.mbconv.kernel"]
    shared = space_of(f"{HEAD}vars: {{x: {one}}}\n" + stages % ("$x", "$x"))
    assert names(shared) == ["x.mbconv.kernel"]
    kernels = [step.block.fields["kernel"] for step in shared.decode({"x.mbconv.kernel": 5}).steps[1:]]
    assert kernels == [5, 5]


def test_what_is_not_reached_does_not_exist() -> None:
    space = space_of(f"""{HEAD}
vars: {{k: {{choice: [3, 5]}}, unasked: {{choice: [3, 5]}}}}
stages:
  - {{name: a, repeat: {{range: [0, 2]}}, block: {{choice: [basic, {{mbconv: {{kernel: $k}}}}]}}}}
  - {{name: b, block: {{choice: [basic, {{conv: {{kernel: $unasked}}}}]}}}}
""")
    assert first(space) == {"a.repeat": 0, "b.block": "basic"}
    assert first(space, a__repeat=1) == {"a.repeat": 1, "a.block": "basic", "b.block": "basic"}
    assert first(space, a__repeat=1, a__block="mbconv") == {
        "a.repeat": 1, "a.block": "mbconv", "k": 3, "b.block": "basic"
    }  # fmt: skip
    when = {decision.name: decision.when for decision in space.decisions}
    assert when["k"] == "a.repeat > 0 and a.block == 'mbconv'"
    assert when["unasked"] == "b.block == 'conv'"


def test_a_stage_that_never_is_asks_nothing() -> None:
    space = space_of(f"""{HEAD}
vars: {{k: {{choice: [3, 5]}}}}
stages: [{{name: a, repeat: 0, per: block, block: {{mbconv: {{kernel: $k, expand: {{choice: [1, 2]}}}}}}}}]
""")
    assert names(space) == []
    assert [step.block.type for step in space.decode({}).steps] == ["conv"]


def test_ranges_are_inclusive_and_do_not_drift() -> None:
    space = space_of(f"{HEAD}stages: [{{name: s1, block: {{mbconv: {{expand: {{range: [0.1, 0.7, 0.2]}}}}}}}}]")
    assert space.decisions[0].values == (0.1, 0.3, 0.5, 0.7)
    assert space.decisions[0].kind == "range"


def test_labels_are_told_apart() -> None:
    space = space_of(f"{HEAD}stages: [{{name: s1, block: {{mbconv: {{attention: {{choice: [none, se, eca]}}}}}}}}]")
    assert space.decisions[0].values == ("none", "se", "eca")


# what vanishes, who carries what


def test_none_vanishes_in_a_list() -> None:
    text = f"{HEAD}head: [{{optional: basic}}, pool, classifier]"
    assert [step.block.type for step in stage(plan_of(text), "head")] == ["pool", "classifier"]
    assert stage(plan_of(text, head__0="basic"), "head")[0].block.type == "basic"


def test_none_vanishes_in_a_list_value() -> None:
    text = "classes: 10\ninput: {resolution: 32}\nstem: [conv, extra_tokens: {names: [a, {optional: b}]}]"
    assert plan_of(text).steps[-1].block.fields["names"] == ("a",)
    assert plan_of(text, stem__1__extra_tokens__names__1="b").steps[-1].block.fields["names"] == ("a", "b")


def test_the_first_block_carries_stride_and_all_have_the_out() -> None:
    plan = plan_of(f"{HEAD}stages: [{{name: s1, repeat: 3, out: 24, stride: 2, block: conv}}]")
    assert outs(plan, "s1") == [("conv", 24, 2), ("conv", 24, 1), ("conv", 24, 1)]


def test_a_first_block_that_vanishes_hands_the_stride_on() -> None:
    body = "repeat: 2, out: 24, stride: 2, per: block, block: {choice: [none, basic, conv]}"
    text = f"{HEAD}stages: [{{name: s1, {body}}}]"
    plan = plan_of(text, s1__1__block="conv")
    assert outs(plan, "s1") == [("conv", 24, 2)]
    assert outs(plan_of(text), "s1") == []


def test_a_downsample_carries_stride_and_out() -> None:
    text = f"{HEAD}stages: [{{name: s1, repeat: 2, out: 24, stride: 2, downsample: patch_merging, block: basic}}]"
    assert outs(plan_of(text), "s1") == [("patch_merging", 24, 2), ("basic", 24, 1), ("basic", 24, 1)]


def test_without_repeats_a_downsample_stays() -> None:
    body = "repeat: {choice: [0, 1]}, out: {choice: [24, 32]}, stride: 2, block: basic"
    with_one = space_of(f"{HEAD}stages: [{{name: s1, {body}, downsample: conv}}]")
    assert first(with_one) == {"s1.repeat": 0, "s1.out": 24}
    assert outs(with_one.decode(first(with_one)), "s1") == [("conv", 24, 2)]
    without = space_of(f"{HEAD}stages: [{{name: s1, {body}}}]")
    assert first(without) == {"s1.repeat": 0}
    assert outs(without.decode(first(without)), "s1") == []


def test_a_downsample_may_be_optional() -> None:
    text = f"{HEAD}stages: [{{name: s1, out: 24, stride: 2, downsample: {{optional: conv}}, block: basic}}]"
    assert outs(plan_of(text), "s1") == [("basic", 24, 2)]
    assert outs(plan_of(text, s1__downsample="conv"), "s1") == [("conv", 24, 2), ("basic", 24, 1)]


def test_a_block_may_decide_its_own_width() -> None:
    plan = plan_of(f"{HEAD}stages: [{{name: s1, repeat: 3, block: {{dense: {{growth: 8}}}}}}]")
    assert [out for _, out, _ in outs(plan, "s1")] == [24, 32, 40]


def test_a_list_is_one_repeat_of_several_blocks() -> None:
    plan = plan_of(f"{HEAD}stages: [{{name: s1, repeat: 2, out: 24, stride: 2, block: [conv, basic]}}]")
    assert outs(plan, "s1") == [("conv", 24, 2), ("basic", 24, 1), ("conv", 24, 1), ("basic", 24, 1)]


def test_a_stage_out_sees_what_enters_the_stage_and_a_node_out_what_enters_the_node() -> None:
    once = plan_of(f"{HEAD}stages: [{{name: s1, repeat: 2, out: $2 * in, block: conv}}]")
    assert [out for _, out, _ in outs(once, "s1")] == [32, 32]
    pyramid = plan_of(f"{HEAD}stages: [{{name: s1, repeat: 2, out: $in + 8 * (i + 1), block: conv}}]")
    assert [out for _, out, _ in outs(pyramid, "s1")] == [24, 32]
    own = plan_of(f"{HEAD}stages: [{{name: s1, repeat: 2, block: {{conv: {{out: $2 * in}}}}}}]")
    assert [out for _, out, _ in outs(own, "s1")] == [32, 64]


def test_regnet_is_exact_without_a_generator() -> None:
    """RegNetX-200MF (Radosavovic et al., 2020): widths 24, 56, 152, 368 and depths 1, 1, 4, 7 in one stage."""
    text = """
classes: 1000
input: {resolution: 224}
vars: {w0: 24, wa: 36.44, wm: 2.49}
stem: [conv: {out: 32, stride: 2}]
stages:
  - name: body
    repeat: 13
    block:
      conv:
        out: $8 * round(w0 * wm ** round(log((w0 + wa * i) / w0) / log(wm)) / 8)
        stride: $2 - min(1, max(0, 1 - abs(out - in)))
"""
    plan = plan_of(text)
    assert [out for _, out, _ in outs(plan, "body")] == [24, 56, *[152] * 4, *[368] * 7]
    assert [stride for _, _, stride in outs(plan, "body")] == [2, 2, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1]


# expressions and facts


def test_names_inside_a_stage() -> None:
    text = f"""{HEAD}
stages:
  - name: s1
    repeat: 2
    stride: 2
    block: {{dense: {{growth: $1000 * i + 100 * n + in + h // w, out: 32}}}}
"""
    assert [step.block.fields["growth"] for step in stage(plan_of(text), "s1")] == [217, 1233]


def test_earlier_facts() -> None:
    text = f"""{HEAD}
stages:
  - {{name: a, repeat: {{choice: [1, 3]}}, out: {{choice: [8, 24]}}, block: {{choice: [conv, basic]}}}}
  - name: b
    repeat: $a.repeat + 1
    out: $2 * a.out + input.resolution
    block: conv
head: [pool, linear: {{out: $b.out + a.repeat}}, classifier]
"""
    plan = plan_of(text, a__repeat=3, a__out=24)
    assert [out for _, out, _ in outs(plan, "b")] == [80] * 4
    assert stage(plan, "head")[1].block.out == 83
    assert len(stage(plan_of(text), "b")) == 2


def test_an_expression_must_be_integral_where_the_field_is() -> None:
    text = f"{HEAD}vars: {{width: {{choice: [1.0, 0.7]}}}}\nstages: [{{name: s1, out: $24 * width, block: conv}}]"
    assert outs(plan_of(text), "s1") == [("conv", 24, 1)]
    with pytest.raises(InvalidArchitecture, match=r"use floor or round") as caught:
        plan_of(text, width=0.7)
    assert caught.value.mark is not None
    assert caught.value.mark.line == 5


def test_two_dollars_are_one() -> None:
    text = "classes: 10\ninput: {resolution: 32}\nstem: [conv, extra_tokens: {names: [$$a]}]"
    assert plan_of(text).steps[-1].block.fields["names"] == ("$a",)


def test_vars_may_use_vars_and_the_names_of_the_place() -> None:
    text = f"""{HEAD}
vars: {{dim: {{choice: [64, 96]}}, heads: $out // per_head, per_head: $dim // 2, half: $dim / 2}}
stages: [{{name: s1, out: $dim, stride: 2, downsample: conv, block: {{transformer: {{heads: $heads}}}}}}]
head: [conv: {{out: $half}}]
"""
    plan = plan_of(text, dim=96)
    assert plan.steps[-1].block.out == 48
    assert [step.block.fields["heads"] for step in plan.steps if step.block.type == "transformer"] == [2]


def test_a_grid_is_needed_for_its_height() -> None:
    text = f"{HEAD}head: [pool, linear: {{out: $h + 1}}]"
    with pytest.raises(InvalidArchitecture, match="'h' must be the size of a grid"):
        plan_of(text)


# defaults


def test_the_nearest_default_holds() -> None:
    text = f"""{HEAD}
defaults: {{kernel: 3, mbconv.kernel: 5, act: silu}}
stages:
  - {{name: a, block: [mbconv, conv, {{mbconv: {{kernel: 11}}}}]}}
  - {{name: b, block: [mbconv, conv], defaults: {{kernel: 7}}}}
  - {{name: c, block: [mbconv, conv], defaults: {{kernel: 7, mbconv.kernel: 9, act: relu}}}}
"""
    plan = plan_of(text)
    kernels = {name: [step.block.fields["kernel"] for step in stage(plan, name)] for name in "abc"}
    assert kernels == {"a": [5, 3, 11], "b": [7, 7], "c": [9, 7]}
    assert {str(step.block.fields["act"].kind) for step in stage(plan, "b")} == {"silu"}  # type: ignore[union-attr]
    assert {str(step.block.fields["act"].kind) for step in stage(plan, "c")} == {"relu"}  # type: ignore[union-attr]


def test_a_default_is_decided_once() -> None:
    space = space_of(f"""{HEAD}
defaults: {{mbconv.kernel: {{choice: [3, 5]}}}}
stages: [{{name: a, per: block, repeat: 2, block: mbconv}}, {{name: b, block: mbconv}}]
""")
    assert names(space) == ["defaults.mbconv.kernel"]
    plan = space.decode({"defaults.mbconv.kernel": 5})
    assert {step.block.fields["kernel"] for step in plan.steps if step.block.type == "mbconv"} == {5}


# constraints


def test_constraints_are_structural_or_on_costs() -> None:
    space = space_of(f"""{HEAD}
vars: {{width: {{choice: [1, 2]}}}}
stages:
  - {{name: a, repeat: {{range: [0, 2]}}, out: $8 * width, block: {{choice: [conv, basic]}}}}
  - {{name: b, out: {{choice: [8, 16]}}, block: conv}}
constraints: [b.out >= a.out, macs <= 300e6, a.repeat < 2 or width == 1]
""")
    assert [expression.text for expression in space.cost_constraints] == ["macs <= 300e6"]
    assert space.contains(first(space, width=2))  # a is absent, and with it a.out
    good = first(space, a__repeat=1, width=2, b__out=16)
    assert space.contains(good)
    with pytest.raises(InvalidArchitecture, match=r"b.out >= a.out must hold, but a.out = 16, b.out = 8") as caught:
        space.decode(good | {"b.out": 8})
    assert caught.value.mark is not None
    assert not space.contains(first(space, a__repeat=2, width=2, b__out=16))
    assert space.contains(first(space, a__repeat=2, width=1, b__out=16))


def test_a_constraint_may_name_one_block() -> None:
    space = space_of(f"""{HEAD}
stages: [{{name: a, repeat: {{range: [1, 3]}}, per: block, block: {{mbconv: {{kernel: {{choice: [3, 5]}}}}}}}}]
constraints: [a.2.block.mbconv.kernel <= a.0.block.mbconv.kernel]
""")
    assert space.contains(first(space, a__repeat=1, a__0__block__mbconv__kernel=3))
    assert not space.contains(first(space, a__repeat=3, a__2__block__mbconv__kernel=5))
    assert space.contains(first(space, a__repeat=3, a__2__block__mbconv__kernel=5, a__0__block__mbconv__kernel=5))


def test_a_constraint_may_name_what_is_fixed() -> None:
    space = space_of(
        f"""{HEAD}
vars: {{kind: mbconv}}
stages:
  - {{name: a, block: {{mbconv: {{kernel: 5}}}}}}
  - {{name: b, block: {{choice: [conv, {{mbconv: {{attention: {{choice: [none, {{se: {{ratio: 0.5}}}}]}}}}}}]}}}}
constraints: [a.block == 'mbconv' and a.0.block.mbconv.kernel == 5, b.block.mbconv.attention.se.ratio < 0.5]
""".replace("vars: {kind: mbconv}\n", "")
    )
    assert space.contains(first(space))
    assert not space.contains(first(space, b__block="mbconv", b__block__mbconv__attention="se"))


# training options


def test_training_options_never_enter_the_architecture() -> None:
    space = space_of(f"""{HEAD}
vars: {{d: {{choice: [0.0, 0.1]}}}}
train:
  dropout: $d
  mix: {{alpha: {{choice: [0.1, 0.2]}}}}
  milestones: [1, 2]
  rate: {{range: [1e-4, 0.1], log: true}}
""")
    assert names(space) == ["d", "train.mix.alpha", "train.rate"]
    assert all(decision.train for decision in space.decisions)
    low, high = space.decode(first(space)), space.decode(first(space, d=0.1))
    assert low.arch_id == high.arch_id
    assert high.train["dropout"] == 0.1
    assert high.train["milestones"] == (1, 2)
    assert 1e-4 <= space.sample(random.Random(1))["train.rate"] <= 0.1  # type: ignore[operator]
    assert not space.contains(first(space) | {"train.rate": 0.5})


# decisions that do not fit


def test_decisions_must_be_those_of_a_walk() -> None:
    space = space_of(f"{HEAD}stages: [{{name: s1, repeat: {{range: [1, 2]}}, per: block, block: "
                     "{mbconv: {kernel: {choice: [3, 5]}}}}]")  # fmt: skip
    good = first(space)
    with pytest.raises(BadDecisions, match=r"s1.0.block.mbconv.kernel: .*must answer"):
        space.decode({"s1.repeat": 1})
    with pytest.raises(BadDecisions, match=r"s1.repeat: .*must answer"):
        space.decode({})
    with pytest.raises(BadDecisions, match=r"kernel: must be one of 3, 5, but got 7"):
        space.decode(good | {"s1.0.block.mbconv.kernel": 7})
    with pytest.raises(BadDecisions, match=r"s1.1.block.mbconv.kernel: .*does not arise"):
        space.decode(good | {"s1.1.block.mbconv.kernel": 3})
    with pytest.raises(BadDecisions, match=r"other: .*none of this space"):
        space.decode(good | {"other": 3})
    with pytest.raises(BadDecisions, match=r"s1.repeat: must be a scalar, but got \[1\]"):
        space.decode(good | {"s1.repeat": [1]})  # type: ignore[dict-item]
    with pytest.raises(BadDecisions, match="got 9"):
        space.walk(lambda decision: 9)


def test_what_cannot_be_built_says_where() -> None:
    text = f"""{HEAD}
stages:
  - {{name: s1, repeat: 2, out: 24, stride: 2, downsample: conv, block: {{transformer: {{heads: $8 * (1 + i)}}}}}}
"""
    with pytest.raises(InvalidArchitecture, match="heads must divide 24, but got 16") as caught:
        plan_of(text)
    assert caught.value.path == "s1.1.block.transformer"
    assert caught.value.mark is not None
    assert (caught.value.mark.line, caught.value.mark.column) == (6, 72)
    with pytest.raises(SpecError, match=r"space.yaml|heads") as wrapped:
        load_network(read_tree(text), FakeCatalogue())
    assert wrapped.value.path == "s1.1.block.transformer"


def read_tree(text: str) -> dict[str, Any]:
    return read_text(text).plain()  # type: ignore[no-any-return]


def test_an_error_about_a_field_points_at_the_field() -> None:
    with pytest.raises(InvalidArchitecture, match="must be odd, but got 4") as caught:
        plan_of(f"{HEAD}stages: [{{name: s1, block: {{mbconv: {{expand: 3, kernel: 4}}}}}}]")
    assert caught.value.path == "s1.0.block.mbconv.kernel"
    assert caught.value.mark is not None
    assert caught.value.mark.column == 57


def test_an_empty_space_says_why() -> None:
    space = space_of(f"{HEAD}stages: [{{name: s1, block: {{mbconv: {{kernel: {{choice: [2, 4]}}}}}}}}]")
    with pytest.raises(EmptySpace, match="must be odd"):
        space.sample(random.Random(0))


# one object for equal things, few questions to the catalogue


def test_equal_blocks_and_steps_are_the_same_objects_and_are_asked_for_once() -> None:
    catalogue = FakeCatalogue()
    text = f"{HEAD}stages: [{{name: a, repeat: 4, block: basic}}]\nhead: [basic, {{optional: pool}}]"
    space = space_of(text, catalogue)
    plan = space.decode(first(space))
    assert len({id(step.block) for step in stage(plan, "a")}) == 1
    assert catalogue.placed == 2
    again = space.decode(first(space, head__1="pool"))
    assert all(one is two for one, two in zip(plan.steps, again.steps, strict=False))
    assert catalogue.placed == 3


# where trees come from


def test_the_same_tree_in_python() -> None:
    tree = {
        "classes": 10,
        "input": {"resolution": 32},
        "stem": [{"conv": {"out": 16}}],
        "stages": [
            {
                "name": "s1",
                "repeat": range_(1, 2),
                "out": each(24, 32),
                "block": {"mbconv": {"kernel": choice(3, 5, per="block"), "attention": optional("se")}},
            }
        ],
        "train": {"rate": range_(0.001, 0.1, log=True)},
    }
    text = f"""{HEAD}
stages:
  - name: s1
    repeat: {{range: [1, 2]}}
    out: {{each: [24, 32]}}
    block: {{mbconv: {{kernel: {{choice: [3, 5], per: block}}, attention: {{optional: se}}}}}}
train: {{rate: {{range: [0.001, 0.1], log: true}}}}
"""
    assert load_space(tree, FakeCatalogue()).decisions == space_of(text).decisions
    with pytest.raises(SpecError, match="at classes: must be an integer"):
        load_space(tree | {"classes": "ten"}, FakeCatalogue())
    with pytest.raises(TypeError, match="not both"):
        choice(3, big=5)


def test_a_space_may_extend_another(tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    (tmp_path / "zoo" / "small.yaml").write_text(f"""{HEAD}name: small
vars: {{k: 3, width: 24, last: 64}}
defaults: {{linear.act: silu}}
stages: [{{name: s1, out: $width, block: {{mbconv: {{kernel: $k}}}}}}]
head: [pool, linear: {{out: $last}}, classifier]
train: {{dropout: 0.1, decay: 0.5}}
""")
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: zoo/small\nname: mine\nclasses: 5\nvars: {k: {choice: [3, 5]}}\ntrain: {dropout: 0.2}\n")
    space = load_space(mine, FakeCatalogue(), roots=[tmp_path])
    assert names(space) == ["k"]
    plan = space.decode({"k": 5})
    assert (plan.name, plan.classes, dict(plan.train)) == ("mine", 5, {"dropout": 0.2, "decay": 0.5})
    assert load_network("zoo/small", FakeCatalogue(), roots=[tmp_path]).classes == 10
    mine.write_text("extends: zoo/small\ninput: {channels: 1}\n")
    assert str(load_network(mine, FakeCatalogue(), roots=[tmp_path]).input) == "1x32x32"
    mine.write_text("extends: zoo/small\ninput: {height: 48, width: {choice: [32, 64]}}\n")
    assert str(load_space(mine, FakeCatalogue(), roots=[tmp_path]).input) == "3x48x64"
    mine.write_text("extends: zoo/small\nvars: {wdith: 48}\n")
    with pytest.raises(SpecError, match=r"mine.yaml:2:15: at vars.wdith: .*used by nothing"):
        load_space(mine, FakeCatalogue(), roots=[tmp_path])
    mine.write_text("extends: zoo/small\nhead: [pool, classifier]\n")
    assert len(load_network(mine, FakeCatalogue(), roots=[tmp_path]).steps) == 4
    mine.write_text("extends: zoo/small\nstages: []\n")
    with pytest.raises(SpecError, match=r"mine.yaml:2:1: at stages: .*no key 'stages'"):
        load_space(mine, FakeCatalogue(), roots=[tmp_path])
    mine.write_text("extends: zoo/smal\n")
    with pytest.raises(SpecError, match=r"mine.yaml:1:10: .*did you mean 'zoo/small'"):
        load_space(mine, FakeCatalogue(), roots=[tmp_path])
    mine.write_text("extends: mine\n")
    with pytest.raises(SpecError, match="must not extend itself"):
        load_space(mine, FakeCatalogue(), roots=[tmp_path])
    with pytest.raises(SpecError, match="there is none; did you mean 'zoo/small'"):
        load_space("zoo/smalll", FakeCatalogue(), roots=[tmp_path])


def test_data_replaces_what_is_written() -> None:
    tree = {
        "classes": 10,
        "vars": {"r": choice(32, 64)},
        "input": {"resolution": "$r"},
        "stem": [{"conv": {"out": 16}}],
        "head": ["pool", "classifier"],
    }
    space = load_space(tree, FakeCatalogue(), classes=7, channels=1, resolution=28)
    assert space.decisions == ()
    plan = space.decode({})
    assert (str(plan.input), plan.classes) == ("1x28x28", 7)
    del tree["classes"], tree["input"], tree["vars"]
    assert load_network(tree, FakeCatalogue(), classes=7, resolution=28).arch_id != plan.arch_id


def test_a_network_leaves_no_choice() -> None:
    with pytest.raises(SpecError, match=r"'s1.repeat' must be decided"):
        load_network(
            read_tree(f"{HEAD}stages: [{{name: s1, repeat: {{range: [1, 2]}}, block: conv}}]"), FakeCatalogue()
        )


def test_a_space_can_be_pickled() -> None:
    space = space_of(f"{HEAD}stages: [{{name: s1, repeat: {{range: [1, 2]}}, block: conv}}]")
    again = pickle.loads(pickle.dumps(space))
    assert again.decisions == space.decisions
    assert again.decode(first(again)).arch_id == space.decode(first(space)).arch_id


def test_vars_cannot_make_a_small_text_large() -> None:
    entries = [f"v{at}: $v{at + 1} + v{at + 1} * v{at + 2}" for at in range(60)]
    text = f"{HEAD}vars: {{{', '.join(entries)}, v60: 1, v61: 1}}\nhead: [linear: {{out: $v0}}]"
    with pytest.raises(SpecError, match="deep"):
        space_of(text)
    lists = [f"v{at}: [$v{at + 1}, $v{at + 1}, $v{at + 1}, $v{at + 1}]" for at in range(12)]
    with pytest.raises(SpecError, match="at most 50,000 values"):
        space_of(f"{HEAD}vars: {{{', '.join(lists)}, v12: conv}}\nhead: [$v0]")


def test_what_is_said_of_a_network_changes_nothing(tmp_path: Path) -> None:
    body = "stages: [{name: s1, block: conv}]"
    said = "about: {family: ResNet, paper: 'He et al., 2016', top1: 77.1}\n"
    space = space_of(f"{HEAD}{said}{body}")
    assert (space.about.family, space.about.top1, space.about.note) == ("ResNet", 77.1, "")
    assert space.decode({}).arch_id == space_of(HEAD + body).decode({}).arch_id
    (tmp_path / "base.yaml").write_text(HEAD + said + body)
    derived = load_space({"extends": "base"}, FakeCatalogue(), roots=[tmp_path])
    assert derived.about.top1 is None, "a derived network is not the one of the paper"


@pytest.mark.parametrize(
    ("said", "why"),
    [("{famly: x}", "did you mean 'family'"), ("{top1: good}", "valid number"), ("{paper: 3}", "valid string")],
)
def test_what_is_said_of_a_network_is_checked(said: str, why: str) -> None:
    with pytest.raises(SpecError, match=why):
        space_of(f"{HEAD}about: {said}\nstages: [{{name: s1, block: conv}}]")
