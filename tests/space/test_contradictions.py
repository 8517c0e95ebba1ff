"""Conditions that leave no number of a value are found without looking at any network."""

from __future__ import annotations

import pytest

from nas.errors import SpecError
from nas.space import check_consistent, parse, read_text


@pytest.mark.parametrize(
    "texts",
    [
        ["params <= 1e5", "params >= 2e5"],
        ["params <= 1e5", "macs <= 1e9", "2e5 < params"],
        ["macs < 5", "macs >= 5"],
        ["macs == 5", "macs == 6"],
        ["2 * macs <= 10", "macs - 6 >= 0"],
        ["flops <= 1e6", "macs >= 1e6"],
        ["-macs <= -10", "macs < 9"],
        ["1e3 <= macs and macs <= 1e6", "macs / 1e6 > 1.5"],
        ["3 <= macs and macs < 2.5"],
        ["params <= 300", "params <= 100", "params >= 200"],
    ],
)
def test_what_no_number_meets(texts: list[str]) -> None:
    with pytest.raises(SpecError, match=r"no (params|macs) meets"):
        check_consistent(map(parse, texts))


@pytest.mark.parametrize(
    "texts",
    [
        ["params <= 1e5", "params >= 1e5"],
        ["macs <= 1e6", "params >= 1e9"],
        ["macs <= 1 or params <= 1", "macs >= 2"],
        ["macs <= 5", "macs != 5"],
        ["macs ** 2 <= 4", "macs >= 100"],  # no line: left to the search
        ["round8(macs) <= 4", "macs >= 100"],
        ["flops <= 2e6", "macs >= 1e6"],
        ["macs * params <= 1", "macs >= 1e6"],
        ["1 / macs >= 2", "macs >= 1"],
        ["'a' == 'a'", "macs >= 1"],
    ],
)
def test_what_some_number_meets_or_only_networks_can_tell(texts: list[str]) -> None:
    check_consistent(map(parse, texts))


def test_the_error_has_both_places() -> None:
    tree = read_text("budgets:\n  - params <= 1e5\n  - macs <= 1e6\n  - params >= 2e5\n", "study.yaml")
    texts = [tree.at(["budgets", index]) for index in range(3)]
    with pytest.raises(SpecError) as found:
        check_consistent(parse(node.value, node) for node in texts)
    assert str(found.value).startswith("study.yaml:4:5: at budgets.2: 'params >= 2e5' and 'params <= 1e5'")
    assert "(study.yaml:2:5) cannot hold together" in str(found.value)
