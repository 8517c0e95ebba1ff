"""What may stand under a space's `train`: the fields of whoever trains its networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nas.arch import FieldSpec
from nas.errors import nearest
from nas.space.node import Node


@dataclass(frozen=True)
class TrainFields:
    """The fields that a network may set, and those that it may not though they exist, each with where they belong."""

    fields: Mapping[str, FieldSpec]
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def spec(self, train: Node, key: str) -> FieldSpec:
        """The field of a key of `train`. Raises `SpecError` at the key, with the nearest name, where there is none."""
        if key in self.fields:
            return self.fields[key]
        if key in self.elsewhere:
            raise train.fail(f"a network must not set '{key}': it {self.elsewhere[key]}; set it there", key=key)
        raise train.fail(f"no field of training is called '{key}'; {nearest(key, self.fields)}", key=key)
