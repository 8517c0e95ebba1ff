"""Scaling inside a space, by the real methods: the same networks as `nas.scale` makes of plain ones."""

from __future__ import annotations

import pickle
import random
import re
from collections import Counter as Tally
from dataclasses import replace
from pathlib import Path

import pytest

from nas.errors import InvalidArchitecture, NasError, SpecError
from nas.files import shipped
from nas.scale import METHODS, Factors, Options, method, scale
from nas.space import load_network, network_tree, read, read_text, write
from nas.study import scaler as scaler_module
from nas.study.networks import find_network
from nas.study.scaler import FIELDS, NetworkScaler
from nas.study.spaces import catalogue, open_space, scaler
from nas.study.starting import find_start
from nas.study.widen import widen_network
from nas.study.zoo import zoo_rows

CONV = """\
nas: 1
name: conv
input: {resolution: 32}
classes: 10
stem: [conv: {out: 16}]
stages:
  - {name: s1, repeat: {range: [1, 2]}, out: 16, block: {mbconv: {kernel: {choice: [3, 5]}}}}
  - {name: s2, repeat: {choice: [2, 3]}, out: 32, stride: 2, block: mbconv}
  - {name: s3, repeat: 2, out: 64, stride: 2, block: {mbconv: {attention: se}}}
head: [pool, classifier]
"""
TOKENS = """\
nas: 1
name: tokens
input: {resolution: 32}
classes: 10
stem: [conv: {out: 192, kernel: 8, stride: 8, padding: 0}]
stages: [{name: body, repeat: {choice: [11, 12]}, block: {transformer: {heads: 3}}}]
head: [norm, pool, classifier]
"""


def space_of(more="", text=CONV, tmp_path=None):
    if tmp_path is None:
        return open_space(_tree(text + more))
    (tmp_path / "space.yaml").write_text(text + more)
    return open_space(tmp_path / "space.yaml")


def _tree(text):
    return read_text(text).plain()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_what_nas_scale_gives(name):
    text, phis = (TOKENS, (0, 1)) if name == "vit" else (CONV, (-1, 0, 0.5, 1))
    space = space_of(f"scale: {{method: {name}, phi: {{choice: [{', '.join(map(str, phis))}]}}}}\n", text)
    plain = space_of(text=text)
    rng = random.Random(0)
    made = set()
    for _ in range(3):
        decisions = plain.sample(rng)
        base = plain.decode(decisions)
        for phi in phis:
            wanted = _made(lambda base=base, phi=phi: method(name).apply(base, phi, catalogue(), Options()).plan)
            found = _made(lambda decisions=decisions, phi=phi: space.decode(decisions | {"scale.phi": phi}))
            assert found == wanted
            assert found == base.arch_id or phi
            made.add(found if phi else None)
    assert made - {None}


def _made(make):
    """The network's `arch_id`, or that there is none."""
    try:
        return make().arch_id
    except NasError:
        return None


def test_factors_and_options_are_those_of_nas_scale():
    plain = space_of()
    decisions = plain.sample(random.Random(0))
    base = plain.decode(decisions)
    cases = {
        "{depth: 2, width: 1.5, resolution: 1.25, rounding: nearest}": (Factors(2, 1.5, 1.25), "nearest"),
        "{width: 1.5}": (Factors(width=1.5), "efficientnet"),
        "{width: 0.5, group_width: 2, rounding: fast}": (Factors(width=0.5, group_width=2), "fast"),
        "{method: compound, phi: 1, alpha: 1.5, beta: 1, gamma: 1}": (Factors(depth=1.5), "efficientnet"),
        "{method: width, phi: 2, rounding: nearest}": (Factors(width=2), "nearest"),
        "{method: fast, phi: 2, share: 1}": (Factors(width=2, group_width=2), "fast"),
    }
    for written, (factors, rules) in cases.items():
        found = space_of(f"scale: {written}\n").decode(decisions)
        assert found.arch_id == scale(base, factors, catalogue(), rules=rules).arch_id, written


def test_it_counts_and_samples_evenly():
    space = space_of(
        "scale: {method: {choice: [depth, width]}, phi: {range: [0, 2]}}\n"
        "constraints: [scale.phi < 2 or s1.repeat == 1]\n"
    )
    assert space.size().value == 8 * 6 - 4 * 2
    assert space.size().exact
    rng, draws = random.Random(0), 4_000
    tally = Tally(
        (d["s1.repeat"], d["scale.method"], d["scale.phi"]) for d in (space.sample(rng) for _ in range(draws))
    )
    assert len(tally) == 2 * 6 - 2
    assert all(abs(count - draws / 10) < 5 * (draws / 10) ** 0.5 for count in tally.values())
    assert [d.name for d in space.decisions if d.scale] == ["scale.method", "scale.phi"]


def test_a_space_is_pickled_written_and_read():
    space = space_of("scale: {method: formula, phi: {choice: [-1, 0, 1]}}\ntrain: {dropout: $0.2 + 0.1 * scale.phi}\n")
    again = pickle.loads(pickle.dumps(space))
    rng = random.Random(0)
    for _ in range(5):
        decisions = space.sample(rng)
        plan = space.decode(decisions)
        assert again.decode(decisions).arch_id == plan.arch_id
        assert plan.train["dropout"] == pytest.approx(0.2 + 0.1 * decisions["scale.phi"])
        assert plan.name == "conv"
        tree = space.to_tree(decisions)
        assert "scale" not in tree
        assert load_network(tree, catalogue()).arch_id == plan.arch_id
        assert load_network(_tree(space.write(decisions)), catalogue()).arch_id == plan.arch_id


WRONG = {
    "an unknown field": ("{method: fast, @ph: 1}", "scale.ph", "did you mean 'phi'"),
    "an unknown method": ("{method: @fst, phi: 1}", "scale.method", "did you mean 'fast'"),
    "a ladder": ("{method: @published, phi: 1}", "scale.method", "one of formula, depth"),
    "a method with factors": ("{method: fast, phi: 1, @width: 2}", "scale.width", "a method or factors"),
    "a method without phi": ("{@method: fast}", "scale.method", "must have its phi"),
    "phi without a method": ("{@phi: 1}", "scale.phi", "must stand beside a method"),
    "alpha beside factors": ("{width: 2, @alpha: 1}", "scale.alpha", "must stand beside a method"),
    "alpha for nothing": ("{method: {choice: [fast, width]}, phi: 1, @alpha: 1}", "scale.alpha", "belongs to formula"),
    "phi that is no number": ("{method: fast, phi: @far}", "scale.phi", "a number from -12 to 12, but got 'far'"),
    "phi that is too far": ("{method: fast, phi: {choice: [1, @13]}}", "scale.phi.choice.1", "from -12 to 12"),
    "a factor of nothing": ("{width: @0}", "scale.width", "above 0"),
    "an unknown rounding": ("{width: 2, rounding: @up}", "scale.rounding", "one of efficientnet, fast, nearest"),
    "a rounding alone": ("@{rounding: fast}", "scale", "a method and its phi, or one of depth"),
    "nothing at all": ("@{}", "scale", "a method and its phi, or one of depth"),
}


@pytest.mark.parametrize(("written", "path", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_told_with_its_place(tmp_path, written, path, words):
    before, _, after = f"{CONV}scale: {written}\n".partition("@")
    with pytest.raises(SpecError) as caught:
        space_of(text=before + after, tmp_path=tmp_path)
    column = len(before) - (before.rfind("\n") + 1) + 1
    assert str(caught.value).startswith(f"{tmp_path / 'space.yaml'}:{before.count(chr(10)) + 1}:{column}: at {path}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("written", "words", "text"),
    [
        ("{method: width, phi: -12}", "a width must stay at least one channel", CONV),
        ("{method: depth, phi: 12}", "a stage must have at most 1,000 layers", CONV),
        ("{depth: 64}", "a stage must have at most 1,000 layers", TOKENS.replace("choice: [11, 12]", "choice: [30]")),
        ("{method: formula, phi: 12, alpha: 1, beta: 64}", "a width must be at most 1,000,000 channels", CONV),
        ("{method: formula, phi: 12, alpha: 1, beta: 1, gamma: 64}", "a side must have at most 100,000 pixels", CONV),
        ("{method: vit, phi: 1}", "scales networks of tokens, but conv has none", CONV),
        ("{method: vit, phi: 0.5}", "phi must be a whole number", TOKENS),
        ("{method: regnet, phi: 1}", "the quantised line needs two or more stages", TOKENS),
    ],
)
def test_what_cannot_be_scaled(written, words, text, tmp_path):
    space = space_of(f"scale: {written}\n", text, tmp_path)
    decisions = space.walk(lambda decision: decision.values[-1])
    for _ in range(2):  # remembered too
        with pytest.raises(InvalidArchitecture, match=words) as caught:
            space.decode(decisions)
        assert caught.value.path == "scale"
        assert str(caught.value.mark).startswith(str(tmp_path / "space.yaml"))


def test_networks_are_scaled_once_and_not_all_remembered(monkeypatch):
    made = []
    apply = METHODS["width"].apply
    counted = replace(METHODS["width"], apply=lambda *given: made.append(given) or apply(*given))
    monkeypatch.setitem(METHODS, "width", counted)
    own = NetworkScaler(catalogue())
    plain = space_of()
    rng = random.Random(0)
    plans = [plain.decode(plain.sample(rng)) for _ in range(6)]
    for plan in plans * 2:
        own.scale(plan, {"method": "width", "phi": 1})
    assert len(made) == len({plan.arch_id for plan in plans})
    monkeypatch.setattr(scaler_module, "REMEMBERED", 1)
    again = [own.scale(plan, {"method": "width", "phi": 1}).arch_id for plan in plans]
    assert again == [method("width").apply(plan, 1, catalogue(), Options()).plan.arch_id for plan in plans]


def test_stages_of_one_network_tell_how_it_is_deepened():
    """The same blocks in other segments are one network, but scale to others."""
    tree = {"input": {"resolution": 16}, "classes": 3, "stem": [{"conv": {"out": 8}}], "head": ["pool", "classifier"]}
    tree |= {"scale": {"depth": 1.5, "rounding": "efficientnet"}}
    stages = [{"name": name, "repeat": {"choice": [1, 2, 3]}, "block": "basic"} for name in ("a", "b")]
    space = open_space(tree | {"stages": stages})
    assert [len(space.decode({"a.repeat": a, "b.repeat": b}).steps) - 3 for a, b in ((2, 2), (1, 3), (3, 1))] == [
        6,
        7,
        7,
    ]


@pytest.mark.parametrize("path", sorted(shipped("search_spaces").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_space_can_be_scaled(path):
    tree = read(path).plain() | {"scale": {"method": {"choice": ["formula", "fast"]}, "phi": {"choice": [-1, 0, 1]}}}
    space, plain = open_space(tree), open_space(path)
    assert space.size().value == 6 * plain.size().value
    rng = random.Random(0)
    for _ in range(3):
        decisions = space.sample(rng)
        plan = space.decode(decisions)
        assert load_network(space.to_tree(decisions), catalogue()).arch_id == plan.arch_id
        still = {name: label for name, label in decisions.items() if not name.startswith("scale.")}
        same = space.decode(decisions | {"scale.phi": 0})
        assert same.arch_id == plain.decode(still).arch_id


def test_a_network_file_may_scale_itself(tmp_path):
    file = tmp_path / "larger.yaml"
    file.write_text("nas: 1\nextends: zoo/resnet8\nname: larger\nscale: {method: formula, phi: 2}\n")
    plan = find_network(str(file))
    wanted = method("formula").apply(find_network("zoo/resnet8"), 2, catalogue(), Options()).plan
    assert plan.arch_id == wanted.arch_id
    assert plan.name == "larger"
    assert find_network(str(file), resolution=64).input.height == 85  # what is given is what is scaled
    [row] = zoo_rows(folder=tmp_path)
    assert (row["name"], row["resolution"]) == ("larger", wanted.input.height)
    widened = widen_network(str(file))
    assert widened.space.decode(widened.decisions).arch_id == plan.arch_id
    assert "\nscale: {method: formula, phi: 2}\n" in widened.text
    assert not any(name.startswith("scale.") for name in widened.decisions)


def test_a_var_of_the_scale_is_not_widened(tmp_path):
    file = tmp_path / "larger.yaml"
    file.write_text("extends: zoo/resnet8\nname: larger\nvars: {deeper: 1.5}\nscale: {depth: $deeper}\n")
    assert "deeper" not in widen_network(str(file)).decisions


def test_networks_are_found_where_a_search_starts(tmp_path):
    tree = _tree(CONV + "scale: {method: {choice: [formula, width]}, phi: {choice: [0, 1, 2]}}\n")
    space = open_space(tree)
    plain = space_of().to_tree({"s1.repeat": 2, "s1.block.mbconv.kernel": 5, "s2.repeat": 3})
    for more in ({}, {"scale": {"method": "formula", "phi": 2}}):
        network = find_network(_written(tmp_path, plain | more))
        found = find_start(str(tmp_path / "network.yaml"), space, 32)
        assert space.decode(found).arch_id == network.arch_id
    scaled = space.decode({"s1.repeat": 1, "s1.block.mbconv.kernel": 3, "s2.repeat": 2} | SCALED)
    assert scaled.input.height == 37
    _written(tmp_path, network_tree(scaled))
    assert space.decode(find_start(str(tmp_path / "network.yaml"), space, 32)).arch_id == scaled.arch_id


SCALED = {"scale.method": "formula", "scale.phi": 1}


def _written(folder, tree):
    (folder / "network.yaml").write_text(write(tree))
    return str(folder / "network.yaml")


def test_the_docs_list_all_fields():
    page = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
    table = page.partition("\n## scale\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| ((?:`\w+`,? ?)+)\|", table, re.MULTILINE)
    assert [name for row in listed for name in re.findall(r"`(\w+)`", row)] == list(FIELDS)
    assert scaler().fields is FIELDS
