"""Work that depends on the image: done for a share of the images only, and really left out where that is possible."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_SHARE: ContextVar[float | None] = ContextVar("share of the images", default=None)


@contextmanager
def optional(share: float) -> Iterator[None]:
    """Marks work of a block's `forward` that is done for a share of the images; the costs become a range.

    Everything is executed all the same: least counts none of it, expected the share, most all.
    """
    if torch.compiler.is_compiling():  # a compiler follows the tensors; nobody counts there
        yield
        return
    around = _SHARE.get()
    token = _SHARE.set(share if around is None else around * share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def current_share() -> float | None:
    """The share of the images for which the code that runs now is needed; None for all."""
    return _SHARE.get()


def may_look(x: Tensor) -> bool:
    """Whether values of a tensor may decide what is executed: not on the meta device, in training, while traced."""
    if x.is_meta or torch.compiler.is_compiling() or torch.jit.is_tracing() or torch.is_grad_enabled():
        return False
    return not (x.is_cuda and torch.cuda.is_current_stream_capturing())
