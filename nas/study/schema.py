"""JSON Schemas of the files that people write: search spaces and studies."""

from __future__ import annotations

from typing import Any, Literal

from nas.cost import CostTable
from nas.space.schema import DIALECT, space_schema
from nas.study.scaler import FIELDS
from nas.study.scaling_config import AnyStudy
from nas.study.train_fields import train_fields


def json_schema(what: Literal["space", "study"]) -> dict[str, Any]:
    """The schema (draft 2020-12) of a kind of file, with all blocks that are installed."""
    space = space_schema(CostTable(), train_fields(), FIELDS)
    if what == "space":
        return space
    study = AnyStudy.model_json_schema()
    inside = {key: value for key, value in space.items() if key not in ("$schema", "$defs")}
    before = study["properties"]["space"]
    study["properties"]["space"] = {
        "anyOf": [{"type": "string"}, {"$ref": "#/$defs/space"}],
        "description": before.get("description", ""),
    }
    study["$defs"] = {**study.get("$defs", {}), **space["$defs"], "space": inside}
    return {"$schema": DIALECT, **study, "title": "study"}
