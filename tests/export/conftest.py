"""What the tests of exporting share."""

from __future__ import annotations

import pytest
from small_models import FAMILIES, model_of, network_of


@pytest.fixture(params=FAMILIES)
def model(request, tmp_path):
    return model_of(network_of(request.param), tmp_path)


@pytest.fixture
def colour_model(tmp_path):
    return model_of(network_of("colour, branches to fuse"), tmp_path)
