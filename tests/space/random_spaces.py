"""Random small spaces of blocks that can always be built: scopes, nesting, shared vars, repeats, constraints."""

from __future__ import annotations

from typing import Any

from fake_catalogue import FakeCatalogue
from fake_scaler import FakeScaler
from hypothesis import strategies as st

from nas.space import Space, load_space

NUMBERS = st.lists(st.sampled_from([1, 2, 3, 4, 6, 8]), min_size=1, max_size=2, unique=True)


@st.composite
def numbers(draw: st.DrawFn, per: bool) -> Any:
    """A number, a choice of numbers, or a range."""
    match draw(st.integers(0, 3)):
        case 0:
            return draw(st.integers(1, 8))
        case 1 | 2:
            tree: dict[str, Any] = {"choice": draw(NUMBERS)}
        case _:
            tree = {"range": [2, 4, 2]}
    if per and draw(st.booleans()):
        tree["per"] = draw(st.sampled_from(["stage", "block"]))
    return tree


@st.composite
def parts(draw: st.DrawFn) -> Any:
    """An attention, plain or chosen or nested in a choice."""
    return draw(
        st.sampled_from(
            [
                "se",
                "$gate",
                {"optional": "eca"},
                {"choice": ["none", {"se": {"ratio": {"choice": [0.25, 0.5]}}}]},
                {"choice": {"a": "$gate", "b": "none"}},
            ]
        )
    )


@st.composite
def blocks(draw: st.DrawFn, scope: str, most: int) -> Any:
    """A node of a stage whose scope is given, with narrower scopes inside at most."""

    def simple() -> Any:
        name = draw(st.sampled_from(["basic", "mbconv", "conv", "$body"]))
        if name in ("basic", "$body"):
            return name
        fields: dict[str, Any] = {}
        if name == "mbconv":
            fields["expand"] = draw(numbers(scope == "stage"))
            if draw(st.booleans()):
                fields["attention"] = draw(parts())
        elif draw(st.booleans()):
            fields["act"] = draw(st.sampled_from(["relu", {"choice": ["relu", "silu"]}, "$act"]))
        if most and draw(st.integers(0, 3)) == 0:
            fields["act"] = {
                "each": [draw(st.sampled_from(["relu", {"choice": ["silu", "gelu"]}])) for _ in range(most)]
            }
        return {name: fields}

    match draw(st.integers(0, 4)):
        case 0 | 1:
            return simple()
        case 2:
            return [simple(), draw(st.sampled_from(["basic", {"optional": "basic"}]))]
        case _:
            options = {"one": simple(), "two": simple()}
            return {"choice": options} | ({"per": "stage"} if scope == "block" and draw(st.booleans()) else {})


@st.composite
def stages(draw: st.DrawFn, index: int) -> dict[str, Any]:
    repeat, most = draw(
        st.sampled_from(
            [(1, 1), (2, 2), ({"range": [0, 2]}, 2), ({"choice": [0, 1, 2]}, 2), ({"range": [1, 2]}, 2), ("$depth", 2)]
        )
    )
    scope = draw(st.sampled_from(["stage", "block"]))
    stage: dict[str, Any] = {"name": f"s{index}", "repeat": repeat, "per": scope, "block": draw(blocks(scope, most))}
    match draw(st.integers(0, 4)):
        case 0:
            stage["out"] = "$width * 4"
        case 1:
            stage["out"] = {"choice": [8, 16, 24]}
        case 2:
            stage["out"] = {"each": [8 * (at + 1) for at in range(most)]}
        case 3:
            stage["out"] = {"each": [{"choice": [8, 16]} for _ in range(most)]}
    each = isinstance(stage.get("out"), dict) and "each" in stage["out"]
    if not each and draw(st.integers(0, 2)) == 0:
        stage["downsample"] = draw(st.sampled_from(["conv", {"conv": {"kernel": {"choice": [3, 5]}}}, "$body"]))
    if draw(st.integers(0, 2)) == 0:
        end = ["pool", "classifier"]
        chosen = [{"conv": {"act": {"choice": ["relu", "silu"]}}}, *end]
        stage["exit"] = draw(st.sampled_from([end, ["$body", *end], {"choice": {"no": "none", "yes": chosen}}]))
    return stage


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """A space, with constraints on whatever names it turned out to have."""
    tree: dict[str, Any] = {
        "input": {"resolution": draw(st.sampled_from([64, {"choice": [32, 64]}]))},
        "classes": 4,
        "vars": {
            "width": draw(numbers(False)),
            "act": {"choice": ["relu", "hswish"]},
            "gate": {"choice": ["se", "eca", "none"]},
            "depth": draw(st.sampled_from([2, {"range": [0, 2]}])),
            "body": {
                "choice": {"plain": {"basic": {"act": "$act"}}, "wide": {"mbconv": {"expand": {"choice": [2, 3]}}}}
            },
        },
        "stem": [draw(st.sampled_from(["conv", {"conv": {"out": "$width * 8"}}]))],
        "stages": [draw(stages(index)) for index in range(draw(st.integers(1, 3)))],
        "head": ["pool", "classifier"],
        "train": {
            "dropout": draw(st.sampled_from([0.1, {"range": [0.0, 0.5]}, {"choice": [0.1, 0.2]}])),
            "depth": draw(st.sampled_from([1, "$depth"])),
        },
    }
    if draw(st.integers(0, 2)) == 0:
        times = draw(st.sampled_from([2, "$width", "$depth", {"choice": [1, 2]}, {"range": [0.5, 1.5, 0.5]}]))
        tree["scale"] = {"way": draw(st.sampled_from(["wide", {"choice": ["fine", "wide"]}])), "times": times}
    text = str({key: tree.get(key) for key in ("stem", "stages", "scale", "train")})
    used = {name for name in tree["vars"] if f"${name}" in text}
    if "body" in used:
        used |= {"act"}
    tree["vars"] = {name: value for name, value in tree["vars"].items() if name in used}
    space = load_space(tree, FakeCatalogue(), scaler=FakeScaler())
    tree["constraints"] = draw(st.lists(constraints(space), max_size=3))
    return load_space(tree, FakeCatalogue(), scaler=FakeScaler())


@st.composite
def constraints(draw: st.DrawFn, space: Space) -> str:
    """A condition that names decisions, repeats and widths of a space."""
    names = [(d.name, d.values) for d in space.decisions if not d.train]
    numeric = [name for name, values in names if all(isinstance(value, int | float) for value in values)]
    numeric += [f"{stage.name}.repeat" for stage in space.network.stages]
    numeric += [f"{stage.name}.out" for stage in space.network.stages if stage.out is not None]
    numeric += ["input.resolution", *(["scale.times"] if space.scales else [])]
    one, two, three = (draw(st.sampled_from(numeric)) for _ in range(3))

    def small() -> str:
        if names and draw(st.booleans()):
            name, values = draw(st.sampled_from(names))
            value = draw(st.sampled_from(values))
            said = f"'{value}'" if isinstance(value, str) else str(value)
            return f"{name} {draw(st.sampled_from(['==', '!=']))} {said}"
        return (
            f"{draw(st.sampled_from(numeric))} {draw(st.sampled_from(['<=', '>']))} {draw(st.sampled_from([1, 2, 8]))}"
        )

    match draw(st.integers(0, 4)):
        case 0:
            return f"{one} + {two} + {three} <= {draw(st.sampled_from([4, 6, 20, 80]))}"
        case 1:
            return f"{one} >= {two}"
        case 2:
            return f"{small()} or {small()}"
        case 3:
            return f"not ({small()} and {small()})"
    return small()
