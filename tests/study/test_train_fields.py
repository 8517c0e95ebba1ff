"""What stands under a space's `train` is checked against the recipe when the space is opened, at its place."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from nas.errors import InvalidArchitecture, SpecError
from nas.study.networks import find_network
from nas.study.schema import json_schema
from nas.study.spaces import open_space
from nas.study.train_fields import train_fields
from nas.train import Recipe
from nas.train.recipe import OF_THE_STUDY

SPACE = """\
input: {resolution: 16}
classes: 3
stem: [{conv: {out: {choice: [4, 8]}}}]
head: [pool, classifier]
train:
"""
SCHEMA = Draft202012Validator(json_schema("space"))


def written(tmp_path: Path, train: str) -> Path:
    file = tmp_path / "space.yaml"
    file.write_text(SPACE + f"  {train}\n")
    return file


def tree(**train: Any) -> dict[str, Any]:
    stem = [{"conv": {"out": {"choice": [4, 8]}}}]
    return {"input": {"resolution": 16}, "classes": 3, "stem": stem, "head": ["pool", "classifier"], "train": train}


WRONG = {
    "an unknown key": ("dropuot: 0.2", "6:3", "did you mean 'dropout'"),
    "the length of training": ("epochs: {choice: [1, 2]}", "6:3", "belongs to the study's recipe"),
    "a seed": ("seed: 3", "6:3", "belongs to the study's recipe"),
    "a rate that is none": ("dropout: 1.0", "6:12", "must be a number of at least 0 and below 1, but got 1"),
    "one option of a choice": ("dropout: {choice: [0.1, 1.5]}", "6:27", "below 1, but got 1.5"),
    "an option that is text": ("lr: {choice: [0.1, fast]}", "6:22", "above 0, but got 'fast'"),
    "a range that reaches too far": ("lr: {range: [0.0, 1e-2]}", "6:16", "above 0, but got 0"),
    "a fraction where whole ones are": ("batch_size: 12.5", "6:15", "an integer from 2 to"),
    "an unknown word": ("optimizer: adam", "6:14", "did you mean 'adamw'"),
    "a mapping": ("lr: {peak: 0.1}", "6:7", "a mapping with peak"),
    "nothing where something must be": ("dropout: {optional: 0.2}", "6:12", "but got 'none'"),
}


@pytest.mark.parametrize(("train", "place", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_the_recipe_does_not_take_is_refused_where_it_stands(
    tmp_path: Path, train: str, place: str, words: str
) -> None:
    file = written(tmp_path, train)
    with pytest.raises(SpecError) as refused:
        open_space(file)
    assert str(refused.value).startswith(f"{file}:{place}: at train.")
    assert words in str(refused.value)


def test_networks_are_checked_as_spaces_are(tmp_path: Path) -> None:
    file = written(tmp_path, "dropuot: 0.2")
    file.write_text(file.read_text().replace("{choice: [4, 8]}", "4"))
    with pytest.raises(SpecError, match="did you mean 'dropout'"):
        find_network(str(file))


def test_what_the_recipe_takes_is_trained_with(tmp_path: Path) -> None:
    train = tree(
        dropout={"choice": [0.0, 0.2]},
        ema={"choice": ["none", 0.99]},
        lr={"range": [1e-3, 1e-2], "log": True},
        batch_size={"range": [16, 64, 16]},
        optimizer={"choice": ["sgd", "adamw"]},
        flip=True,
    )
    space = open_space(train)
    for pick in (0, -1):
        plan = space.decode(space.walk(lambda decision, at=pick: decision.values[at]))
        recipe = Recipe().with_overrides(dict(plan.train))
        assert recipe.dropout == (0.0, 0.2)[pick]
        assert recipe.flip
    SCHEMA.validate(train)


def test_an_expression_is_checked_where_it_has_a_value() -> None:
    space = open_space(tree(dropout="$2 * share") | {"vars": {"share": {"choice": [0.1, 0.6]}}})
    for each in (space, pickle.loads(pickle.dumps(space))):
        decisions = each.walk(lambda decision: decision.values[0])
        assert each.decode(decisions).train["dropout"] == 0.2
        with pytest.raises(InvalidArchitecture, match=r"below 1, but got 1\.2"):
            each.decode(decisions | {"share": 0.6})


def test_the_warm_up_is_bound_by_the_epochs_of_the_study() -> None:
    space = tree(warmup_epochs={"choice": [1.0, 5.0]})
    assert open_space(space).size().value == 2
    assert open_space(space, recipe=Recipe(epochs=6)).size().value == 2
    with pytest.raises(SpecError, match="below 5, but got 5"):
        open_space(space, recipe=Recipe(epochs=5))


def test_every_field_of_the_recipe_is_there_or_said_to_be_elsewhere() -> None:
    found = train_fields()
    assert found.fields.keys() | found.elsewhere.keys() == set(Recipe.model_fields)
    assert found.elsewhere.keys() == OF_THE_STUDY
    assert (found.fields["lr"].above, found.fields["lr"].high) == (0, 100)
    assert found.fields["ema"].nullable
    assert not found.fields["lr"].nullable


@pytest.mark.parametrize(
    "train", [{"dropuot": 0.2}, {"epochs": 3}, {"dropout": 1.0}, {"lr": 0}, {"dropout": {"choice": [0.1, 1.5]}}]
)
def test_the_schema_refuses_them_too(train: dict[str, Any]) -> None:
    assert SCHEMA.is_valid(tree(dropout=0.2))
    assert not SCHEMA.is_valid(tree(**train))
