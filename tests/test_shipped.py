"""What ships is found from a checkout and from an installed wheel alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.errors import NasError
from nas.files import find_file, shipped

ROOT = Path(__file__).resolve().parent.parent


def test_a_checkout_has_its_own_files():
    assert shipped("studies") == ROOT / "studies"
    assert find_file("zoo/resnet20", "search_spaces") == ROOT / "search_spaces" / "zoo" / "resnet20.yaml"
    assert find_file("studies/quickstart.yaml", "studies").name == "quickstart.yaml"


def test_beside_the_file_that_names_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("nas: 1\n")
    assert find_file("mine.yaml", "search_spaces", beside=tmp_path) == tmp_path / "mine.yaml"


def test_an_unknown_name_gives_the_nearest():
    with pytest.raises(NasError, match="did you mean 'zoo/resnet20'"):
        find_file("zoo/resnet21", "search_spaces")


def test_an_installed_wheel(tmp_path):
    """Build the wheel, install it by itself elsewhere, and use a shipped space and study from there."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT], check=True, timeout=240
    )
    (wheel,) = tmp_path.glob("nas-*.whl")
    site = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True, timeout=240)
    script = "import nas, sys; sys.argv = ['nas', *sys.argv[1:]]; from nas.cli import main; main()"
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", script, "profile", "zoo/resnet20", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=True
    )
    assert json.loads(done.stdout)["params"] == 272_474
    where = [sys.executable, "-c", "from nas.files import find_file as f; print(f('quickstart', 'studies'))"]
    done = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert Path(done.stdout.strip()).is_relative_to(site)
