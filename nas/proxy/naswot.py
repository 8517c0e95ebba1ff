"""NASWOT: how differently the units of a network switch on and off for different images."""

from __future__ import annotations

import torch
from torch import Tensor

from nas.build import Network
from nas.proxy.operations import SeeActivations
from nas.proxy.proxy import NoScore, Proxy
from nas.proxy.untrained import by_batch, images


def naswot(network: Network) -> float:
    """The logarithm of det(K + 1), K (B, B) the number of units that two images set alike.

    A unit is set where what enters its activation is positive: for ReLU that is the code of the paper; GELU, SiLU and
    other activations are read in the same way. Adding one to the diagonal keeps the number finite where images are
    told apart by nothing.
    """
    x = images(network.plan.input)
    count = len(x)
    alike = torch.zeros((count, count), dtype=torch.float64)

    def see(entering: Tensor) -> None:
        if not entering.dim() or len(entering) % count:
            return  # something that does not depend on the image, such as positions
        code = (entering.reshape(count, -1) > 0).float()
        both = (code @ code.T).double()
        on = both.diagonal()
        alike.add_(code.shape[1] - on[:, None] - on[None, :] + 2 * both)

    with SeeActivations(see), torch.no_grad():
        by_batch(network)(x)
    if not alike.any():
        raise NoScore("it has no activation function")
    return float(torch.linalg.slogdet(alike + torch.eye(count, dtype=torch.float64)).logabsdet)


NASWOT = Proxy("naswot", "Mellor et al., 2021", "a batch of random images, forwards", naswot)
