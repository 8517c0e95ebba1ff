"""Tiny image folders to try everything on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def save_image(path: Path, value: int, size: tuple[int, int] = (12, 12)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value // 2, 255 - value)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of class folders, `folder(cats=4, dogs=4)`, or of splits: `folder(train={"cats": 4}, ...)`."""

    def make(**counts: int | dict[str, int]) -> Path:
        root = tmp_path / "photos"
        for name, count in counts.items():
            for label, many in count.items() if isinstance(count, dict) else [("", count)]:
                for k in range(many):
                    save_image(root / name / label / f"{k:03d}.png", 10 * k)
        root.mkdir(exist_ok=True)
        return root

    return make


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "train_x": random.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8),
        "train_y": np.arange(60) % 3,
        "test_x": random.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8),
        "test_y": np.arange(12) % 3,
    }
