"""What holds for every format of the table."""

from __future__ import annotations

import copy
import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
import torch

from nas.errors import ExportError
from nas.export import formats
from nas.export.checking import check, outputs
from nas.export.formats.weights import eager
from nas.export.writing import listing, write_formats
from nas.measure import runtimes

ROOT = Path(__file__).resolve().parent.parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture(params=formats.names())
def format(request):
    found = formats.find(request.param)
    if reason := found.missing():
        pytest.skip(reason)
    return found


def test_what_is_written_computes_the_same_for_any_number_of_images(format, model, tmp_path):
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    folder = tmp_path / "out"
    folder.mkdir()
    (outcome,) = write_formats(model, [format], folder, lambda _: None)
    assert outcome.state == "written", outcome.reason
    assert outcome.size == sum((folder / file).stat().st_size for file in format.files)
    assert set(listing(folder)) == set(format.files) | set(outcome.files)
    assert outcome.check.images == len(model.images)

    expected, run = eager(model.network)(model.images), format.read(folder)
    limit = 0.5 if format.calibrated else 1e-4
    for count in (1, 2, 7, len(model.images)):
        found = run(model.images[:count])
        assert found.shape == (count, model.network.plan.classes)
        assert found.dtype == torch.float32
        assert (found - expected[:count]).abs().max() <= limit * expected.abs().max()
    if format.calibrated:
        assert outcome.check.agreement.likeness > 0.8

    assert not model.network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.network.state_dict().items())
    other = copy.deepcopy(model.network)
    with torch.no_grad():
        for parameter in other.head.parameters():
            parameter.neg_()
    with pytest.raises(ExportError, match=rf"outputs of {format.name} must agree .* difference is \d"):
        check(format, dataclasses.replace(model, network=other), folder)


def test_names_files_and_runtimes_belong_to_one_format_each():
    found = [formats.find(name) for name in formats.names()]
    assert [format.name for format in found] == formats.names()
    assert len({format.file for format in found}) == len(found)
    assert len({format.runtime for format in found}) == len(found)
    for format in found:
        assert format.measured_as is None or format.runtime in runtimes.names()
        assert set((format.extra or "").split(",")) - {""} <= EXTRAS.keys()
        assert bool(format.packages) == bool(format.extra)
        assert set(format.instead) <= set(formats.names()) - {format.name} or format.name == "safetensors"


def test_every_package_of_a_format_is_in_its_extra():
    for format in map(formats.find, formats.names()):
        listed = " ".join(line for extra in (format.extra or "").split(",") if extra for line in EXTRAS[extra])
        assert all(re.search(rf"\b{package}\b", listed) for package in format.packages), format.name


def test_one_image_is_tried_and_several(colour_model):
    seen = []

    def run(images):
        seen.append(len(images))
        return images.flatten(1)[:, :3]

    assert len(outputs(run, colour_model.images)) == 24
    assert seen == [1, 16, 7]


def test_an_unknown_format_is_told_with_the_nearest():
    with pytest.raises(ExportError, match=r"no format 'onx'; did you mean 'onnx'\? allowed: int8, onnx"):
        formats.find("onx")
