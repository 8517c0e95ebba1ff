"""Models read from trees: every mistake is told with its place."""

from __future__ import annotations

from typing import Literal

import pydantic
import pytest

from nas.errors import SpecError
from nas.space.model import parse_model
from nas.space.text import read_text


class Inner(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    epochs: int = pydantic.Field(3, ge=1)
    sizes: tuple[int, ...] = ()
    kind: Literal["fast", "slow"] = "fast"


class Outer(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    name: str
    inner: Inner | str = Inner()


def test_a_good_tree():
    outer = parse_model(Outer, read_text("name: x\ninner: {epochs: 5, sizes: [1, 2]}"), "a study")
    assert outer.inner == Inner(epochs=5, sizes=(1, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\ninner:\n  epoch: 5", "<text>:3:3: at inner.epoch: unknown key 'epoch'; did you mean 'epochs'"),
        ("nam: x", "<text>:1:1: at nam: unknown key 'nam'; did you mean 'name'"),
        ("{}", "'name' is missing"),
        ("name: x\nextra: 1", "<text>:2:1: at extra: unknown key 'extra'"),
        ("name: 3", "<text>:1:7: at name: should be a valid string, but got the number 3"),
        ("name: x\ninner: {epochs: 0}", "at inner.epochs: should be greater than or equal to 1, but got the number 0"),
        ("name: x\ninner: {kind: fats}", "at inner.kind: must be 'fast' or 'slow', but got 'fats'"),
        ("[1]", "a study must be a mapping"),
    ],
)
def test_mistakes_name_their_place(text, message):
    with pytest.raises(SpecError) as caught:
        parse_model(Outer, read_text(text), "a study")
    assert message in str(caught.value)
