"""What rounding makes of the factors that were asked for."""

from __future__ import annotations

import pytest

from nas.errors import NasError
from nas.scale import Factors, realised, scale
from nas.study.networks import find_network
from nas.study.spaces import catalogue


def test_a_network_is_its_own_base():
    base = find_network("zoo/efficientnet_b0")
    assert realised(base, base) == Factors()


@pytest.mark.parametrize("name", ["zoo/resnet8", "zoo/efficientnet_b0", "zoo/swin_tiny", "zoo/vit_tiny_16"])
def test_factors_that_need_no_rounding_are_found_again(name):
    base = find_network(name)
    found = realised(base, scale(base, Factors(2.0, 2.0, 2.0), catalogue(), rules="nearest"))
    assert (found.width, found.resolution) == pytest.approx((2, 2))
    assert 1.5 < found.depth <= 2


def test_what_was_rounded_is_told():
    base = find_network("zoo/resnet8")  # one block a stage
    assert realised(base, scale(base, Factors(depth=1.2), catalogue(), rules="efficientnet")).depth == 2
    assert realised(base, scale(base, Factors(depth=1.2), catalogue(), rules="nearest")).depth == 1
    wide = realised(base, scale(base, Factors(width=1.2), catalogue(), rules="fast"))
    assert wide.width == pytest.approx(1.16, abs=0.01)


def test_networks_of_other_stages_have_none():
    with pytest.raises(NasError, match="resnet8 must have the stages of efficientnet_b0"):
        realised(find_network("zoo/efficientnet_b0"), find_network("zoo/resnet8"))
