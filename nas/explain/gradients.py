"""Maps from gradients: where the features lie that speak for a class (Grad-CAM)."""

from __future__ import annotations

from torch import Tensor

from nas.build import Network
from nas.explain.places import Place, places


def grad_cam(network: Network, x: Tensor, target: int) -> tuple[Tensor, Place] | None:
    """Grad-CAM at the last place where the class depends on the image's places; None where there is none.

    On a map it is that of Selvaraju et al. (2017): channels weighted by their mean gradients. On tokens gradients weigh
    each token's own features (HiResCAM, Draelos and Carin, 2020), for a token of a class has gradients of another kind,
    and a mean over all tokens would mix them. A class token's last block no longer reads the other tokens, so that
    theirs are taken before it.
    """
    x = x.detach().requires_grad_()  # the weights need no gradients
    for place in places(network):
        found = _on_tokens(network, place, x, target) if place.tokens else _on_map(network, place, x, target)
        if bool(found.any()):
            return found.clamp(min=0), place
    return None


def _on_map(network: Network, place: Place, x: Tensor, target: int) -> Tensor:
    from captum.attr import LayerGradCam

    found: Tensor = LayerGradCam(network, place.module).attribute(x, target=target)
    return found[0, 0].detach()


def _on_tokens(network: Network, place: Place, x: Tensor, target: int) -> Tensor:
    from captum.attr import LayerGradientXActivation

    found: Tensor = LayerGradientXActivation(network, place.module).attribute(x, target=target)
    return found[0, place.extra :].sum(-1).view(place.grid).detach()
