"""The recipe's fields as a space sees them: what may stand under its `train`, of which type and within which bounds."""

from __future__ import annotations

import types
from dataclasses import replace
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from nas.arch import FieldSpec
from nas.space import TrainFields
from nas.train import Recipe
from nas.train.recipe import OF_THE_STUDY

KINDS: dict[type, Literal["int", "float", "bool", "str"]] = {int: "int", float: "float", bool: "bool", str: "str"}
BOUNDS = {"ge": "low", "le": "high", "gt": "above", "lt": "below"}


def train_fields(recipe: Recipe | None = None) -> TrainFields:
    """What a network may set of its training. Where the study's recipe is known, its `epochs` bound the warm-up."""
    fields = {name: _spec(name, info) for name, info in Recipe.model_fields.items() if name not in OF_THE_STUDY}
    if recipe is not None:
        fields["warmup_epochs"] = replace(fields["warmup_epochs"], below=float(recipe.epochs))
    return TrainFields(fields, dict.fromkeys(OF_THE_STUDY, "belongs to the study's recipe"))


def _spec(name: str, info: FieldInfo) -> FieldSpec:
    kinds: tuple[Any, ...] = (info.annotation,)
    if get_origin(info.annotation) in (Union, types.UnionType):
        kinds = get_args(info.annotation)
    [kind] = [each for each in kinds if each is not types.NoneType]
    options = get_args(kind) if get_origin(kind) is Literal else ()
    bounds = {
        ours: getattr(limit, theirs)
        for limit in info.metadata
        for theirs, ours in BOUNDS.items()
        if hasattr(limit, theirs)
    }
    return FieldSpec(
        name,
        "str" if options else KINDS[kind],
        info.default,
        info.description or "",
        options=options,
        nullable=len(kinds) > 1,
        **bounds,
    )
