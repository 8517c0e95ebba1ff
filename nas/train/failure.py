"""When training ends a trial: the loss is no number any more, or memory ran out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from nas.errors import NasError

Reason = Literal["nan", "out of memory"]

# The words of torch's CPU allocators, of oneDNN and of CUDA's libraries; these come as plain RuntimeError.
_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "defaultcpuallocator",
    "could not create a memory object",
    "bad allocation",
    "bad_alloc",
    "out of memory",
    "alloc_failed",
)


class TrainingFailed(NasError):
    """A trial that cannot be trained; the study goes on. `epoch` (from 1) and `step` (from 0) say when."""

    def __init__(self, reason: Reason, detail: str, epoch: int = 0, step: int = 0) -> None:
        self.reason: Reason = reason
        self.detail = detail
        self.epoch = epoch
        self.step = step
        super().__init__(f"training failed in epoch {epoch}, step {step} ({reason}): {detail}")

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.reason, self.detail, self.epoch, self.step))


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that an allocation failed, on any device."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _WORDS)


@contextmanager
def memory_guard(hint: str) -> Iterator[None]:
    """Turns a failed allocation into `TrainingFailed`; lets go of the traceback, whose frames hold the tensors."""
    detail = None
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        text = str(error).strip() or type(error).__name__
        detail = f"{text.splitlines()[0][:300]}; {hint}"
    if detail is not None:
        raise TrainingFailed("out of memory", detail)
