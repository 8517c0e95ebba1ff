"""Weights as safetensors, by the names of the network's `state_dict`, beside the architecture that they belong to."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from nas.arch import Architecture
from nas.build import Network, build, lower
from nas.cost import CostTable
from nas.errors import ExportError, NasError
from nas.export.formats.format import SAME, Format, Run
from nas.export.model import Model
from nas.store.files import write_json, writing

WEIGHTS, ARCHITECTURE = "weights.safetensors", "architecture.json"


def write(model: Model, folder: Path) -> None:
    """The form of training: branches that are fused for running are still apart, so that training can go on."""
    write_json(folder / ARCHITECTURE, model.network.plan.architecture.to_json())
    write_weights(model.network, folder)


def write_weights(network: Network, folder: Path) -> None:
    """The tensors alone."""
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in network.state_dict().items()}
    content = safetensors.torch.save(tensors, {"arch_id": network.plan.arch_id})
    with writing(folder / WEIGHTS):
        (folder / WEIGHTS).write_bytes(content)  # save_file would make it readable for its owner only


def read(folder: Path) -> Run:
    """The network built from its architecture, with the weights."""
    return eager(network_of(folder))


def network_of(folder: Path) -> Network:
    """The network of a folder in evaluation mode. Raises `ExportError` where a file is missing or damaged."""
    file = folder / ARCHITECTURE
    try:
        architecture = Architecture.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{file} must be the architecture of a network, but: {error}") from error
    network = build(lower(architecture, CostTable()))
    load_weights(network, folder / WEIGHTS)
    return network


def load_weights(network: Network, path: Path) -> None:
    """Puts the weights of a file into a network, in evaluation mode. Raises `ExportError` for those of another one."""
    try:
        tensors = safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise ExportError(f"{path} must be a file of weights (safetensors), but: {error}") from error
    fill(network, tensors, str(path))


def fill(network: Network, tensors: dict[str, torch.Tensor], where: str) -> None:
    """Puts tensors into a network, in evaluation mode. Raises `ExportError` where they are not those of its names."""
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    differ = [name for name in dict.fromkeys([*own, *given]) if own.get(name) != given.get(name)]
    if differ:
        first = differ[0]
        raise ExportError(
            f"{where} must hold the weights of {network.plan.name}, but {len(differ)} of {len(own | given)} tensors "
            f"differ: '{first}' is {given.get(first, 'missing')} there and {own.get(first, 'not')} in the network"
        )
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise NasError(f"{where}: {error}") from error
    network.eval().requires_grad_(False)


def eager(network: torch.nn.Module) -> Run:
    """The module itself as what runs."""

    def run(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            output: torch.Tensor = network(images)
            return output

    return run


FORMAT = Format(
    name="safetensors",
    what="weights, for nas or the source",
    files=(WEIGHTS, ARCHITECTURE),
    runtime="eager",
    write=write,
    read=read,
    tolerance=SAME,
)
