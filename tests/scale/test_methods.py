"""Methods, published ladders, the grid, and how far to scale for a budget."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import pytest

from nas.errors import BudgetUnreachable, NasError
from nas.files import shipped
from nas.scale import (
    LADDERS,
    METHODS,
    Factors,
    NoRung,
    Options,
    Triple,
    axis,
    compound,
    ladder_of,
    largest_within,
    method,
    nearest_to,
    scale,
    triples,
)
from nas.space import load_network
from nas.study.spaces import catalogue


@cache
def zoo(name):
    return load_network(
        shipped("search_spaces") / "zoo" / f"{name}.yaml", catalogue(), roots=[shipped("search_spaces")]
    )


def macs(plan):
    return catalogue().plan(plan).macs


@pytest.mark.parametrize("name", [name for name, ladder in LADDERS.items() if ladder.tabled])
def test_published_factors_give_the_published_networks_to_the_last_block(name):
    ladder = LADDERS[name]
    for rung in ladder.rungs:
        scaled = scale(zoo(ladder.base), rung.factors, catalogue(), side=rung.side)
        assert scaled.arch_id == zoo(rung.network).arch_id
        assert zoo(rung.network).train["dropout"] == rung.dropout


@pytest.mark.parametrize("ladder", LADDERS.values(), ids=list(LADDERS))
def test_every_rung_of_a_ladder_is_in_the_zoo_and_larger_than_the_one_before(ladder):
    sizes = [macs(zoo(rung.network)) for rung in ladder.rungs]
    assert sizes == sorted(sizes)
    assert ladder_of(ladder.base) is ladder


def test_the_formula_gives_b2_but_not_b4():
    b0 = zoo("efficientnet_b0")
    made = {phi: method("formula").apply(b0, phi, catalogue(), Options()) for phi in (1, 3)}
    published = {1: zoo("efficientnet_b2"), 3: zoo("efficientnet_b4")}
    assert catalogue().plan(made[1].plan).params == catalogue().plan(published[1]).params
    assert catalogue().plan(made[3].plan).params < 0.9 * catalogue().plan(published[3]).params
    assert made[3].factors == compound(3)
    assert (made[3].factors.depth, made[3].factors.width) == pytest.approx((1.728, 1.331))


def test_the_ladder_of_vision_transformers():
    for phi, name in enumerate(("tiny", "small", "base", "large")):
        scaled = method("vit").apply(zoo("vit_tiny_16"), phi, catalogue(), Options())
        assert scaled.plan.arch_id == zoo(f"vit_{name}_16").arch_id
        if phi:
            back = method("vit").apply(zoo(f"vit_{name}_16"), -phi, catalogue(), Options())
            assert back.plan.arch_id == zoo("vit_tiny_16").arch_id
    for phi in (0.5, 2):
        with pytest.raises(NoRung, match=f"a whole number from -2 to 1, but got {phi}"):
            method("vit").apply(zoo("vit_base_16"), phi, catalogue(), Options())
    with pytest.raises(NasError, match="scales networks of tokens, but resnet18 has none"):
        method("vit").apply(zoo("resnet18"), 1, catalogue(), Options())


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("vit", "regnet")])
def test_a_step_of_phi_is_about_twice_the_macs(name):
    base = zoo("efficientnet_b0")
    grown = [macs(method(name).apply(base, phi, catalogue(), Options()).plan) / macs(base) for phi in (1, 2)]
    assert grown == pytest.approx([2, 4], rel=0.35)
    assert macs(method(name).apply(base, -1, catalogue(), Options()).plan) < macs(base)


def test_unknown_names_are_refused_with_those_there_are():
    with pytest.raises(NasError, match="no method of scaling is called 'deep'; did you mean 'depth'"):
        method("deep")
    assert method("compound") is METHODS["formula"]
    with pytest.raises(NasError, match="starts at its base, which for resnet101 is zoo/resnet50"):
        ladder_of("resnet101")
    with pytest.raises(NasError, match="published for mine; those there are start at zoo/efficientnet_b0"):
        ladder_of("mine")
    with pytest.raises(NasError, match="must be one of efficientnet, efficientnet_lite, but got 'swin'"):
        ladder_of("mine", "swin")
    with pytest.raises(NoRung, match="has rungs 0 to 7, but phi is 8"):
        ladder_of("efficientnet_b0").rung(8)


def family(name, base="efficientnet_b0"):
    return lambda phi: method(name).apply(zoo(base), phi, catalogue(), Options())


@pytest.mark.parametrize(("name", "budget"), [("formula", 2e9), ("width", 1.1e8), ("fast", 3e9)])
def test_the_largest_within_a_budget_is_within_it_and_near(name, budget):
    found = largest_within(family(name), macs, budget, "MACs")
    assert found.value == macs(found.scaled.plan)
    assert 0.75 * budget < found.value <= budget
    nearest = nearest_to(family(name), macs, budget, "MACs")
    assert abs(nearest.value / budget - 1) <= abs(found.value / budget - 1) + 1e-9


def test_each_network_is_valued_once():
    asked = []

    def value(plan):
        asked.append(plan.arch_id)
        return macs(plan)

    largest_within(family("depth", "resnet18"), value, 5e9, "MACs")
    assert len(asked) == len(set(asked)) > 2


def test_what_cannot_be_reached_is_told_with_what_can():
    with pytest.raises(BudgetUnreachable, match=r"scaling efficientnet_b0 reaches, at least .* MACs, but is 1"):
        largest_within(family("width"), macs, 1, "MACs")
    with pytest.raises(BudgetUnreachable, match=r"at most 6.1\S+ MACs, but is 1e\+12"):
        largest_within(family("vit", "vit_tiny_16"), macs, 1e12, "MACs", continuous=False)


def test_axes_and_triples_are_exact():
    assert axis(1, 1.6, 0.1) == (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6)
    assert axis(1, 1.25, 0.1) == (1.0, 1.1, 1.2)
    published = Triple(1.2, 1.1, 1.15)
    assert published.product == 1.92027
    assert published in triples(axis(1, 2, 0.1), axis(1, 1.4, 0.1), axis(1, 1.4, 0.05))
    # 1.25 * 1.2^2 * 1.0^2 is 1.8, exactly 0.2 away, which floating point is not sure of
    assert triples([1.25], [1.2], [1.0], tolerance=0.2) == [Triple(1.25, 1.2, 1.0)]
    many = triples(axis(1, 1.6, 0.2), axis(1, 1.4, 0.1), axis(1, 1.4, 0.1), tolerance=0.15)
    assert len(many) == 14
    assert all(abs(each.alpha * each.beta**2 * each.gamma**2 - 2) <= 0.15 + 1e-12 for each in many)
    assert many[0].factors(2) == Factors(1.0, 1.0, 1.4**2)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (
            ([1.0], [1.0], [1.0, 1.1]),
            r"for none of 2; the nearest: alpha 1 beta 1 gamma 1.1 gives 1.21; .* gives 1\.",
        ),
        (([0.9], [1.0], [1.0]), "alpha must be at least 1, for no dimension shrinks, but got 0.9"),
        (([1.0], [], [1.0]), "must have values of beta"),
        (([1.0] * 100, [1.0] * 100, [1.0] * 100), "at most 100,000 points"),
    ],
)
def test_a_grid_without_triples_shows_the_nearest(grid, message):
    with pytest.raises(NasError, match=message):
        triples(*grid)
    with pytest.raises(NasError, match="the step of a range must be a positive number"):
        axis(1, 2, 0)
    with pytest.raises(NasError, match="must go upwards, but goes from 2 to 1"):
        axis(2, 1, 0.1)


def test_every_option_is_taken_by_a_method_and_changes_what_it_gives():
    plan, taken = zoo("regnet_x_004"), {name for each in METHODS.values() for name in each.takes}
    assert taken == {field.name for field in fields(Options)} - {"rules"}
    for each in METHODS.values():
        if each.name == "vit":
            continue
        usual = each.apply(plan, 1, catalogue(), Options()).factors
        for name in taken:
            changed = each.apply(plan, 1, catalogue(), Options(**{name: 0.7})).factors
            assert (changed != usual) == (name in each.takes), (each.name, name)
