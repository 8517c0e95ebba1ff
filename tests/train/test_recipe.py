import pydantic
import pytest

from nas.errors import SpecError
from nas.train import Recipe


def test_every_field_is_documented_and_numbers_are_bounded():
    schema = Recipe.model_json_schema()["properties"]
    for name, field in schema.items():
        assert len(field["description"]) > 20, name
        kinds = [field, *field.get("anyOf", [])]
        numbers = [kind for kind in kinds if kind.get("type") in ("integer", "number")]
        assert all("minimum" in kind or "exclusiveMinimum" in kind for kind in numbers), name


def test_a_recipe_is_frozen_and_hashable():
    recipe = Recipe()
    with pytest.raises(pydantic.ValidationError):
        recipe.lr = 0.1
    assert hash(recipe) == hash(Recipe())


@pytest.mark.parametrize(
    ("fields", "path", "words"),
    [
        ({"learning_rate": 0.1}, "recipe.learning_rate", "allowed: batch_size"),
        ({"epoch": 3}, "recipe.epoch", "did you mean 'epochs'?"),
        ({"lr": "fast"}, "recipe.lr", "but got 'fast'"),
        ({"lr": 0}, "recipe.lr", "greater than 0"),
        ({"epochs": 2.5}, "recipe.epochs", "but got 2.5"),
        ({"flip": 1}, "recipe.flip", "but got 1"),
        ({"optimizer": "lion"}, "recipe.optimizer", "'adamw' or 'sgd'"),
        ({"epochs": 2, "warmup_epochs": 2}, "recipe", "warmup_epochs < epochs must hold, but got 2 and 2"),
    ],
)
def test_a_mistake_is_named_with_its_place(fields, path, words):
    with pytest.raises(SpecError) as caught:
        Recipe.load(fields)
    assert caught.value.path == path
    assert words in str(caught.value)


def test_the_defaults_suit_a_single_epoch():
    assert Recipe(epochs=1).warmup_epochs < 1


def test_nothing_may_be_written_as_none_or_null():
    assert Recipe.load({"ema": "none", "clip_norm": None}) == Recipe(ema=None, clip_norm=None)


def test_a_network_overrides_what_is_its_own():
    recipe = Recipe(dropout=0.1, epochs=7).with_overrides({"dropout": 0.3, "drop_path": 0.2, "lr": 0.002})
    assert (recipe.dropout, recipe.drop_path, recipe.lr, recipe.epochs) == (0.3, 0.2, 0.002, 7)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"epochs": 3}, "set by the study's recipe"),
        ({"droput": 0.1}, "did you mean 'dropout'?"),
        ({"dropout": 2.0}, "less than 1, but got 2.0"),
    ],
)
def test_a_network_may_not_set_everything(fields, words):
    with pytest.raises(SpecError, match="train\\.") as caught:
        Recipe().with_overrides(fields)
    assert words in str(caught.value)
