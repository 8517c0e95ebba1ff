"""What all tests share: locks and caches of their own, and a study that is over in seconds."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

TINY_SPACE = {
    "nas": 1,
    "name": "tiny",
    "input": {"resolution": 8, "channels": 1},
    "classes": 3,
    "stem": [{"conv": {"out": {"choice": [4, 8]}, "stride": 2}}],
    "stages": [
        {
            "name": "s1",
            "repeat": {"range": [1, 2]},
            "out": {"choice": [4, 8, 16]},
            "block": {"choice": [{"conv": {"kernel": {"choice": [1, 3]}}}, "basic"]},
        }
    ],
    "head": ["pool", "classifier"],
}

# Folders and files whose tests measure or start Ray, and those that share a browser: each group takes turns, in one
# process, where there are several.
GROUPS = {
    "host": {"cli", "measure", "schedule", "test_meters.py", "test_search_live.py"},
    "browser": {"browse", "test_browser.py"},
}


def pytest_configure():
    """Who started the tests may have had SIGINT ignored, as shells do for what runs in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_itemcollected(item):
    for group, members in GROUPS.items():
        if members.intersection(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_addoption(parser):
    parser.addoption(
        "--update-zoo", action="store_true", help="rewrite tests/zoo.json, the costs of the zoo's networks"
    )
    parser.addoption(
        "--all-samples",
        action="store_true",
        help="build every sample of the large spaces as a whole, widen every family",
    )


@pytest.fixture(scope="session", autouse=True)
def _own_locks_and_cache(tmp_path_factory):
    """Tests neither wait for the measurements of others nor touch the user's cache and calibrations."""
    folder = tmp_path_factory.mktemp("host")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_LOCK_DIR", str(folder / "locks"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        yield


@pytest.fixture(autouse=True)
def _denormal_numbers():
    """Code that a compiler has made with -ffast-math leaves denormal numbers flushed to zero in the whole thread."""
    torch.set_flush_denormal(False)


@pytest.fixture
def tiny_data(tmp_path):
    """90 grey images of 8x8 in three classes that brightness tells apart, as an npz."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = (labels[:, None, None] * 80 + rng.integers(0, 40, (90, 8, 8))).astype(np.uint8)
    path = tmp_path / "tiny.npz"
    np.savez(path, train_x=images[:66], train_y=labels[:66], test_x=images[66:], test_y=labels[66:])
    return path


@pytest.fixture
def tiny_study(tiny_data):
    """A study of three tiny networks as a plain tree, to be changed and written with `write_study`."""
    return {
        "nas": 1,
        "name": "tiny",
        "space": TINY_SPACE,
        "data": {"name": "npz", "path": str(tiny_data)},
        "budgets": ["macs <= 60000"],
        "search": {"sampler": "random", "trials": 3, "rungs": [1], "seed": 1},
        "recipe": {"epochs": 2, "batch_size": 16, "precision": "float32"},
        "measure": {"min_pairs": 8, "max_pairs": 16, "target": 0.5, "limit": 0.9, "max_seconds": 0.2},
        "run": {"runner": "local"},
        "finalists": {"count": 1, "epochs": 2},
    }


@pytest.fixture
def write_study(tmp_path):
    """Write a study's tree to a file and give its path."""

    def write(tree):
        path = tmp_path / "study.yaml"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return path

    return write
