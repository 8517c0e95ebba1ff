"""Published statistics of real data sets; needs the files, in the folder that NAS_TEST_DATA names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nas.data import DataSpec, load_data

FOLDER = Path(os.environ.get("NAS_TEST_DATA", ""))

# Channel means of the training images, 0 to 255, as commonly published.
MEANS = {"cifar10": [125.3, 123.0, 113.9], "mnist": [33.3]}


@pytest.mark.parametrize("name", MEANS)
def test_channel_means(name: str) -> None:
    path = FOLDER / f"{name}.npz"
    if "NAS_TEST_DATA" not in os.environ or not path.exists():
        pytest.skip(f"set NAS_TEST_DATA to a folder with {name}.npz")
    data = load_data(DataSpec(name=name, path=path))
    assert [len(data.classes), len(data.train) + len(data.validation)] == [
        10,
        {"cifar10": 50_000, "mnist": 60_000}[name],
    ]
    np.testing.assert_allclose(np.array(data.mean) * 255, MEANS[name], atol=0.5)
