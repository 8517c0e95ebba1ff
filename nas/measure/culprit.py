"""Which block of a network, and which operator in it, a runtime cannot express."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

_OPERATORS = (
    r"(?:exporting the operator|no onnx function found for <opoverload\(op=) ?'([\w:.]+)'",
    r"not support the following (?:onnx )?operat\w+:?\s+'?([\w:.]+)",
    r"could not find an implementation for ([\w.]+(?:\(\d+\))?)",
    r"no conversion rule found for operations?:? ([\w:.]+)",
    r"unsupported (?:op|operator|operation)s?:? '?([\w:.]+)",
    r"\b((?:aten|prims|torchvision|quantized)(?:::|\.)\w+(?:\.\w+)?)",
)


def operator_of(error: BaseException) -> str | None:
    """The operator that an error of a runtime or its exporter is about, by the words of those that are known."""
    for pattern in _OPERATORS:
        for text in _texts(error):
            if found := re.search(pattern, text, re.IGNORECASE):
                return found[1]
    return None


def words_of(error: BaseException, longest: int = 300) -> str:
    """One line of an error, that which names the operator where one does."""
    operator = operator_of(error)
    lines = [line.strip() for text in _texts(error) for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if operator and operator in line), lines[0] if lines else "no reason was given")
    return f"{type(error).__name__}: {said[:longest]}"


def _texts(error: BaseException) -> list[str]:
    """What an error and those behind it say, without colours."""
    texts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(texts) < 8:
        texts.append(re.sub(r"\x1b\[[\d;]*m", "", str(seen)))
        seen = seen.__cause__ or seen.__context__
    return texts


def find(
    module: nn.Module, example: Tensor, attempt: Callable[[nn.Module, Tensor], Any], error: Exception | None = None
) -> tuple[str, Exception]:
    """The dotted path of the innermost module that `attempt` fails on, and how; the path is empty for the whole.

    `attempt` gets a module and what came into it when the network ran. Of several, the first in the order of
    execution. Modules that take anything but one tensor cannot be tried alone: then the one around them is named.
    `error`: how it fails on the whole, where that is known.
    """
    arrived = _inputs(module, example)
    names = {each: name for name, each in module.named_modules()}
    culprit, error = module, error or _failure(attempt, module, example)
    assert error is not None, "the whole must fail where a part of it is looked for"
    while True:
        for child in _within(culprit):
            if child in arrived and (failed := _failure(attempt, child, arrived[child])) is not None:
                culprit, error = child, failed
                break
        else:
            return names[culprit], error


def _within(module: nn.Module) -> list[nn.Module]:
    """Children, and of mere containers theirs."""
    found = []
    for child in module.children():
        found += _within(child) if isinstance(child, nn.ModuleList | nn.ModuleDict) else [child]
    return found


def _failure(attempt: Callable[[nn.Module, Tensor], Any], module: nn.Module, example: Tensor) -> Exception | None:
    try:
        attempt(module, example)
    except Exception as error:  # whatever a runtime raises says that it cannot run this
        return error
    return None


def _inputs(module: nn.Module, example: Tensor) -> dict[nn.Module, Tensor]:
    """What came into each module when it first ran, where that was one tensor; in the order of execution."""
    arrived: dict[nn.Module, Tensor] = {}

    def note(each: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        if len(given) == 1 and isinstance(given[0], Tensor) and not named and given[0].is_floating_point():
            arrived.setdefault(each, given[0].detach().clone())

    with ExitStack() as stack:
        for each in module.modules():
            stack.callback(each.register_forward_pre_hook(note, with_kwargs=True).remove)
        with torch.inference_mode(False), torch.no_grad():
            module.eval()(example.clone())
    return arrived
