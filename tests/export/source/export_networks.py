"""Small networks around one block, and the source of networks run where nas cannot be imported."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nas import blocks
from nas.arch import Architecture, Block, MapShape, Segment
from nas.build import Network, build, lower
from nas.errors import InvalidArchitecture
from nas.export.source import source_of
from nas.space import Space, read_text
from nas.study.networks import find_network
from nas.study.spaces import catalogue, open_space

BEFORE = {  # what leads from a map to each form; the first that fits is taken
    "map": [[]],
    "any": [[], ["extra_tokens"]],
    "tokens": [["to_tokens"]],
    "vector": [["pool"]],
    "pyramid": [[{"pyramid": {"factors": [2]}}], [{"pyramid": {"factors": [2, 1]}}]],
}
GOLDEN = ("resnet8", "mobile", "vit_tiny_16")
RUNNER = """
import sys
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"nas", "pydantic", "safetensors", "black"}:
            raise ImportError(f"{name} is forbidden here")
sys.meta_path.insert(0, Forbid())
import importlib.util, torch
spec = importlib.util.spec_from_file_location("network", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with torch.no_grad():
    torch.save(module.load(sys.argv[2])(torch.load(sys.argv[3])), sys.argv[4])
"""


def block(written: Any) -> Block:
    """A block from its name, or `{name: fields}`."""
    if isinstance(written, Block):
        return written
    ((name, fields),) = ({written: {}} if isinstance(written, str) else written).items()
    fields = dict(fields)
    out, stride = fields.pop("out", None), fields.pop("stride", 1)
    return Block(name, blocks.resolve(name, fields), out, stride)


def network_around(name: str, fields: Mapping[str, Any], *, seed: int = 0) -> Network:
    """A network with one block that has these fields: before it what leads to its form, behind it what ends there."""
    cls = blocks.BLOCKS[name]
    after = ["select"] if cls.gives_pyramid else []
    if cls.takes != "vector" and name not in ("pool", "flatten"):
        after.append("pool")
    if name != "classifier":
        after.append("classifier")
    error: Exception | None = None
    for resolution, before, out in itertools.product((8, 7, 14), BEFORE[cls.takes], (None, 24)):
        one = Block(name, blocks.resolve(name, dict(fields)), 5 if name == "classifier" else out, 1)
        chain = [{"conv": {"out": 16}}, *before, one, *after]
        try:
            return network_of({"body": chain}, resolution=resolution, seed=seed)
        except InvalidArchitecture as found:
            error = found
    raise AssertionError(f"no network was found for {name} {fields}: {error}")


def network_of(segments: Mapping[str, Sequence[Any]], *, resolution: int = 8, seed: int = 0) -> Network:
    """A network of segments by name; blocks are written as in a space, `out` and `stride` among the fields."""
    made = tuple(Segment(key, tuple(map(block, each))) for key, each in segments.items())
    return build(lower(Architecture("small", MapShape(3, resolution, resolution), 5, made), catalogue()), seed=seed)


def network_from(text: str, *, seed: int = 0) -> Network:
    """A network of a space without choices."""
    space = Space(read_text(text, "space.yaml"), catalogue())
    return build(space.decode({}), seed=seed)


def golden_network(name: str) -> Network:
    """A network whose source is kept as a file, so that a change of the text is seen."""
    if name != "mobile":
        return build(find_network(f"zoo/{name}"), seed=0)
    space = open_space("mobile", classes=10, resolution=64)
    return build(space.decode(space.sample(random.Random(3))), seed=0)


def run_alone(text: str, network: Network, images: torch.Tensor, folder: Path) -> torch.Tensor:
    """The outputs of the source in a process of its own, where neither nas nor what it needs can be imported."""
    from safetensors.torch import save_file

    (folder / "network.py").write_text(text, encoding="utf-8")
    (folder / "run.py").write_text(RUNNER, encoding="utf-8")
    save_file(network.state_dict(), folder / "weights.safetensors")
    torch.save(images, folder / "images.pt")
    files = ["network.py", "weights.safetensors", "images.pt", "outputs.pt"]
    subprocess.run([sys.executable, "-I", "run.py", *files], cwd=folder, check=True, capture_output=True, text=True)
    outputs: torch.Tensor = torch.load(folder / "outputs.pt")
    return outputs


if __name__ == "__main__":
    for name in GOLDEN:
        path = Path(__file__).parent / "golden" / f"{name}.py.txt"
        path.write_text(source_of(golden_network(name)), encoding="utf-8")
