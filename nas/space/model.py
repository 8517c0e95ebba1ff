"""A pydantic model read from a tree, its errors told with file, line, column, path and the nearest allowed word."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import pydantic

from nas.errors import nearest
from nas.space.node import Node

M = TypeVar("M", bound=pydantic.BaseModel)


def parse_model(model: type[M], node: Node, what: str) -> M:
    """The model that a tree describes; `what` begins an error about the whole of it ("a study").

    Raises `SpecError` for the first mistake. Validation is that of JSON: a list may stand for a tuple, text for a path.
    """
    node.mapping(what)
    try:
        return model.model_validate_json(json.dumps(node.plain()))
    except pydantic.ValidationError as error:
        # An unknown key before a missing one: it is most often the same key, misspelt.
        found = error.errors(include_url=False)
        problem = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    location = _written(node, problem["loc"], problem["type"] in ("missing", "extra_forbidden"))
    parent, key = node.at(location[:-1]), str(location[-1]) if location else ""
    match problem["type"]:
        case "extra_forbidden":
            raise parent.fail(f"unknown key '{key}'; {nearest(key, _keys(model, location[:-1]))}", key=key)
        case "missing":
            raise parent.fail(f"'{key}' is missing")
        case "literal_error" | "enum":
            place = node.at(location)
            raise place.fail(f"must be {problem['ctx']['expected']}, but got {place.found}")
    place = node.at(location)
    message = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
    raise place.fail(f"{message}, but got {place.found}" if place.is_scalar else message)


def _written(node: Node, location: tuple[int | str, ...], about_key: bool) -> tuple[int | str, ...]:
    """Where an error is in the tree: pydantic's location without the names of the union members it tried."""
    body, key = (location[:-1], location[-1:]) if about_key else (location, ())
    steps: list[int | str] = []
    for step in body:
        if node.at([*steps, step]) is not node.at(steps):
            steps.append(step)
    return (*steps, *key)


def _keys(model: type[pydantic.BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The fields allowed at a place, followed down through nested models; empty where the place is not a model's."""
    current: Any = model
    for step in location:
        field = current.model_fields.get(step) if isinstance(step, str) else None
        if field is None:
            continue  # a union's member, named by pydantic, or an index: the next step tells
        options = [field.annotation, *getattr(field.annotation, "__args__", ())]
        models = [option for option in options if isinstance(option, type) and issubclass(option, pydantic.BaseModel)]
        if not models:
            return []
        current = models[0]
    return list(current.model_fields)
