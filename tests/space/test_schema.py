"""The JSON Schema takes every file that is shipped, refuses what an editor should mark, and says what to complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_catalogue import FakeCatalogue
from fake_scaler import FIELDS as SCALE_FIELDS
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from random_spaces import spaces

from nas.errors import SpecError
from nas.space import Space, load_space, read
from nas.space.schema import space_schema
from nas.study.scaler import NetworkScaler
from nas.study.schema import json_schema

ROOT = Path(__file__).parents[2]
SPACES = Draft202012Validator(json_schema("space"))
STUDIES = Draft202012Validator(json_schema("study"))
FAKE = Draft202012Validator(space_schema(FakeCatalogue(), scale_fields=SCALE_FIELDS))


@pytest.mark.parametrize("what", ["space", "study"])
def test_a_schema_is_one_and_can_be_written(what: Any) -> None:
    schema = json_schema(what)
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    names = {ref.removeprefix("#/$defs/").replace("%20", " ") for ref in _references(schema)}
    assert names <= schema["$defs"].keys()


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [ref for value in schema.values() for ref in _references(value)]
    return [ref for value in schema for ref in _references(value)] if isinstance(schema, list) else []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "search_spaces").rglob("*.yaml")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_shipped_space_is_right(path: Path) -> None:
    SPACES.validate(read(path).plain())


@pytest.mark.parametrize("path", sorted((ROOT / "studies").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_study_is_right(path: Path) -> None:
    STUDIES.validate(read(path).plain())


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "examples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_an_example_of_the_language_is_right(path: Path) -> None:
    FAKE.validate(read(path).plain())


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(spaces())
def test_what_loads_is_right(space: Space) -> None:
    FAKE.validate(space.tree.plain())


def tree(**more: Any) -> dict[str, Any]:
    return {"input": {"resolution": 32}, "classes": 3, "stages": [], "head": ["pool", "classifier"]} | more


def stage(block: Any, **more: Any) -> dict[str, Any]:
    return tree(stages=[{"name": "s1", "block": block} | more])


RIGHT: dict[str, dict[str, Any]] = {
    "a block by name": stage("basic"),
    "a block with no fields written": stage({"basic": None}),
    "several blocks": stage(["mbconv", {"optional": "basic"}, "none"]),
    "a choice of blocks": stage({"choice": ["basic", {"mbconv": {"kernel": 5}}], "per": "block"}),
    "named options": stage({"choice": {"small": {"mbconv": {"expand": 2}}, "large": "$body"}}),
    "operators wherever a value may stand": stage(
        {
            "mbconv": {
                "kernel": {"choice": [3, 5]},
                "expand": {"each": [1, {"range": [2, 6, 2]}]},
                "attention": {"optional": {"se": {"ratio": {"choice": [0.25, 0.5]}}}},
                "act": "$act",
            }
        },
        repeat={"range": [1, 2]},
        out="$round8(16 * width)",
    ),
    "what follows from other fields": stage({"conv": {"padding": "none"}}),
    "a stage's defaults": stage("mbconv", defaults={"act": "silu", "mbconv.kernel": {"choice": [3, 5]}}),
    "a continuous range for training": tree(train={"lr": {"range": [1e-4, 1e-1], "log": True}}),
    "scaling by a method": tree(scale={"method": "fast", "phi": {"choice": [-1, 0, 1]}}),
    "scaling by whatever is chosen": tree(
        scale={"method": {"choice": ["formula", "compound"]}, "phi": {"range": [0, 2, 0.5]}, "alpha": "$a"}
    ),
    "scaling by factors": tree(scale={"depth": {"choice": [1.0, 1.5]}, "rounding": "fast", "resolution": "$2 * a"}),
    "no scaling": tree(scale=None),
    "what extends another scales it": {"extends": "zoo/resnet18", "scale": {"method": "width", "phi": 1}},
    "a space that extends another": {"extends": "zoo/resnet18", "classes": 10, "defaults": {"act": "silu"}},
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_space(name: str) -> None:
    SPACES.validate(RIGHT[name])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown key": (tree(stage=[]), "stage"),
    "an unknown block": (stage("mbconf"), "mbconf"),
    "an unknown block with fields": (stage({"mbconf": {}}), "mbconf"),
    "an unknown field": (stage({"mbconv": {"kernal": 3}}), "kernal"),
    "a word for a number": (stage({"mbconv": {"kernel": "three"}}), "three"),
    "a fraction for an integer": (stage({"mbconv": {"kernel": 2.5}}), "2.5"),
    "below the bound": (stage({"mbconv": {"kernel": 0}}), "0"),
    "a bad option of a choice": (stage({"mbconv": {"kernel": {"choice": [3, "x"]}}}), "x"),
    "an empty choice": (stage({"choice": []}), "[]"),
    "a key beside an operator": (stage({"mbconv": {"kernel": {"choice": [3], "or": 1}}}), "or"),
    "a range of one number": (stage({"mbconv": {"kernel": {"range": [3]}}}), "[3]"),
    "a range of words": (stage({"mbconv": {"act": {"range": [1, 2]}}}), "range"),
    "an unknown attention": (stage({"mbconv": {"attention": "sa"}}), "sa"),
    "an unknown field of a part": (stage({"mbconv": {"attention": {"se": {"rate": 0.5}}}}), "rate"),
    "a part out of bounds": (stage({"mbconv": {"attention": {"se": {"ratio": -1}}}}), "-1"),
    "two blocks in one mapping": (stage({"mbconv": {}, "conv": {}}), "conv"),
    "a stage without block": (tree(stages=[{"name": "s1"}]), "block"),
    "a stage without name": (tree(stages=[{"block": "basic"}]), "name"),
    "an unknown key of a stage": (stage("basic", repeats=2), "repeats"),
    "a negative repeat": (stage("basic", repeat=-1), "-1"),
    "per what": (stage("basic", per="network"), "network"),
    "an unknown default": (tree(defaults={"kernl": 3}), "kernl"),
    "a default of an unknown block": (tree(defaults={"mbconf.kernel": 3}), "mbconf.kernel"),
    "no classes": (tree(classes=0), "0"),
    "a version that is not": (tree(nas=2), "nas"),
    "an unknown size": (tree(input={"size": 32}), "size"),
    "a constraint that is none": (tree(constraints=[3]), "3"),
    "an unknown key of scale": (tree(scale={"fi": 1}), "fi"),
    "an unknown method": (tree(scale={"method": "fst", "phi": 1}), "fst"),
    "a phi that is no number": (tree(scale={"method": "fast", "phi": "far"}), "far"),
    "a factor of nothing": (tree(scale={"width": {"choice": [1.0, 0]}}), "0"),
    "a phi too far": (tree(scale={"method": "fast", "phi": 13}), "13"),
    "a choice of all of scale": (tree(scale={"choice": [{"width": 2}]}), "choice"),
    "new stages in what extends another": ({"extends": "zoo/resnet18", "stages": []}, "not allow []"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_space(name: str) -> None:
    wrong, word = WRONG[name]
    errors = list(SPACES.iter_errors(wrong))
    assert errors
    assert word in " ".join(_said(error) for error in errors)
    with pytest.raises(SpecError):  # the loader says no too
        load_space(wrong, FakeCatalogue(), roots=[ROOT / "search_spaces"], scaler=NetworkScaler(FakeCatalogue()))


def _said(error: Any) -> str:
    return " ".join([error.message, ".".join(map(str, error.path)), *(_said(inner) for inner in error.context or ())])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"space": 3}, "3"),
        ({"space": stage("mbconf")}, "mbconf"),
        ({"search": {"trails": 3}}, "trails"),
        ({"search": {"trials": 0}}, "0"),
        ({"objective": []}, "objective"),
        ({"objectives": []}, "[]"),
    ],
)
def test_a_wrong_study(change: dict[str, Any], word: str) -> None:
    study = read(ROOT / "studies" / "quickstart.yaml").plain()
    STUDIES.validate(study | {"space": stage("mbconv")})
    errors = list(STUDIES.iter_errors(study | change))
    assert errors
    assert word in " ".join(_said(error) for error in errors)


def test_an_editor_finds_docs_and_defaults() -> None:
    schema = json_schema("space")
    assert schema["$defs"]["mbconv.kernel"]["default"] == 3
    fields = schema["$defs"]["block mbconv"]["properties"]
    assert {"kernel", "expand", "attention", "act", "out", "stride"} <= fields.keys()
    documented = [key for key, entry in schema["$defs"].items() if key.startswith("block ") and entry["description"]]
    assert len(documented) == sum(key.startswith("block ") for key in schema["$defs"])
