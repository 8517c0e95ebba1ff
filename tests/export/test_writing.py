"""A format that cannot express a network is named with the block, and the others are written all the same."""

from __future__ import annotations

import copy
import dataclasses
import sys

import pytest
import torch
from small_models import model_of
from torch import nn

from nas.errors import ExportError
from nas.export import formats
from nas.export.formats import weights
from nas.export.writing import write_formats


class Gamma(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.special.gammainc(x.abs() + 1, x.abs() + 1)


@pytest.fixture
def with_gamma(colour_model):
    """The network with an operator that ONNX does not have in the block of its second stage."""
    network = copy.deepcopy(colour_model.network)
    block = network.s2[0]
    forward = type(block).forward
    block.gamma = Gamma()
    block.__class__ = type("Strange", (type(block),), {"forward": lambda self, x: self.gamma(forward(self, x))})
    return dataclasses.replace(colour_model, network=network)


def test_an_operator_that_onnx_lacks_is_named_and_the_others_are_written(with_gamma, tmp_path):
    pytest.importorskip("onnxruntime")
    out = tmp_path / "out"
    out.mkdir()
    said: list[str] = []
    wanted = [formats.find(name) for name in ("onnx", "pt2", "int8")]
    found = {outcome.format: outcome for outcome in write_formats(with_gamma, wanted, out, said.append)}
    assert found["pt2"].state == "written"
    assert found["onnx"].state == "failed"
    reason = found["onnx"].reason
    assert "igamma of block s2.0.gamma (Gamma)" in reason
    assert "take another format (pt2 or source)" in reason
    assert any(reason in line for line in said)
    assert "is made of onnx, which could not be written; take another format (pt2 or source)" in found["int8"].reason
    assert {path.name for path in out.iterdir()} == {"model.pt2"}


def test_a_format_that_fails_leaves_the_files_that_others_share(colour_model, tmp_path):
    def write(model, folder):
        (folder / "mine").write_text("half")
        raise ValueError("no room for it")

    failing = dataclasses.replace(
        weights.FORMAT, name="failing", files=("mine", weights.WEIGHTS), write=write, attempt=None
    )
    found = write_formats(colour_model, [weights.FORMAT, failing], tmp_path / "scratch", lambda _: None)
    assert [outcome.state for outcome in found] == ["written", "failed"]
    assert "ValueError: no room for it" in found[1].reason
    assert (tmp_path / "scratch" / weights.WEIGHTS).exists()
    assert not (tmp_path / "scratch" / "mine").exists()


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "pip install 'nas[onnx]'" in formats.find("onnx").missing()
    assert formats.find("pt2").missing() is None


def test_int8_without_images_says_what_to_give(colour_model, tmp_path):
    pytest.importorskip("onnxruntime")
    model = dataclasses.replace(colour_model, calibration=None)
    (found,) = write_formats(model, [formats.find("int8")], tmp_path, lambda _: None)
    assert found.state == "failed"
    assert "must be calibrated on training images, but there is no data; name it by --data" in found.reason


def test_weights_of_another_network_are_refused(colour_model, tmp_path):
    weights.write(colour_model, tmp_path)
    other = model_of(colour_model.network, tmp_path / "scratch").network
    tensors = dict(other.state_dict())
    tensors["head.1.linear.weight" if "head.1.linear.weight" in tensors else next(iter(tensors))] = torch.ones(2)
    with pytest.raises(ExportError, match=r"must hold the weights of small, but 1 of \d+ tensors differ: .* \(2,\)"):
        weights.fill(other, tensors, "a file")
    (tmp_path / weights.WEIGHTS).write_bytes(b"nothing of that kind")
    with pytest.raises(ExportError, match="must be a file of weights"):
        weights.read(tmp_path)
