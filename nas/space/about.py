"""What the author of a file says of it: family, paper, published accuracy. It changes nothing of the network."""

from __future__ import annotations

import pydantic

from nas.space.model import parse_model
from nas.space.node import Node


class About(pydantic.BaseModel):
    """`top1` is the published ImageNet-1k accuracy in percent; None where none is known.

    It is that of one model and one crop, at the resolution of the file, where `note` does not say otherwise.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    family: str = ""
    paper: str = ""
    top1: float | None = pydantic.Field(None, ge=0, le=100)
    note: str = ""


def read_about(node: Node | None) -> About:
    """The `about` of a file. Raises `SpecError` for an unknown key or a value of the wrong type."""
    if node is None or node.value is None:
        return About()
    return parse_model(About, node, "about")
