"""Whether stand-alone source is the network it was written from."""

from __future__ import annotations

from typing import Any

import torch

from nas.build import Network
from nas.errors import NasError


def check_source(text: str, network: Network, *, images: int = 4, tolerance: float = 1e-5, seed: int = 0) -> float:
    """The largest difference of outputs on random images, relative to the largest output, in evaluation mode.

    The text is executed by itself, and gets the network's weights. Raises `NasError` where keys or shapes differ, or
    the outputs by more than the tolerance.
    """
    namespace: dict[str, Any] = {"__name__": "standalone"}
    exec(compile(text, "<stand-alone source>", "exec"), namespace)
    some = next(network.parameters())
    twin = namespace["Network"]()
    try:
        twin.load_state_dict(network.state_dict())
    except RuntimeError as error:
        raise NasError(f"the source must have the weights of the network, but {error}") from None
    twin = twin.to(some.device, some.dtype).eval()
    training = network.training
    largest = 0.0
    generator = torch.Generator().manual_seed(seed)
    try:
        network.eval()
        with torch.no_grad():
            for _ in range(images):
                image = torch.randn(network.plan.input.tensor(), generator=generator).to(some)
                wanted, given = network(image), twin(image)
                if wanted.shape != given.shape:
                    raise NasError(f"the source must give {tuple(wanted.shape)}, but gives {tuple(given.shape)}")
                if not (wanted.isfinite().all() and given.isfinite().all()):
                    raise NasError("outputs must be finite to be compared, but they are not; look at the weights")
                scale = max(1.0, float(wanted.abs().max()))
                largest = max(largest, float((wanted - given).abs().max()) / scale)
    finally:
        network.train(training)
    if largest > tolerance:
        raise NasError(f"the source must give the network's outputs, but they differ by {largest:.3g} of the largest")
    return largest
