"""Where training stands after an epoch, on disk: several files that become visible together, by one rename."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from nas.errors import StoreError

FORMAT = 1
WEIGHTS, AVERAGED, OPTIMIZER, STATE = "model.safetensors", "ema.safetensors", "optimizer.pt", "state.json"
_NAME = re.compile(r"checkpoint-(\d{6})")


@dataclass(frozen=True)
class Checkpoint:
    """The state after `epoch` epochs.

    `weights` are what the optimiser moves, `averaged` (None without averaging) is what was evaluated; both by the names
    of `state_dict`. `optimizer` is its `state_dict`. `facts` is plain JSON: recipe, curve, precision.
    """

    epoch: int
    weights: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor] | None
    optimizer: Mapping[str, Any]
    facts: Mapping[str, Any]

    @property
    def evaluated(self) -> Mapping[str, Tensor]:
        """The weights that the reports speak of: what to export."""
        return self.weights if self.averaged is None else self.averaged

    def write(self, folder: Path) -> Path:
        """Make this the folder's checkpoint; older ones are removed once it stands.

        A crash at any moment leaves the last whole checkpoint, and so does a full disk, which raises `StoreError`.
        """
        final = folder / f"checkpoint-{self.epoch:06d}"
        if final.exists():
            return final
        partial = folder / f".{final.name}.partial"
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            _write(partial / WEIGHTS, safetensors.torch.save(_storable(self.weights)))
            if self.averaged is not None:
                _write(partial / AVERAGED, safetensors.torch.save(_storable(self.averaged)))
            buffer = io.BytesIO()
            torch.save(dict(self.optimizer), buffer)
            _write(partial / OPTIMIZER, buffer.getbuffer())
            state = {"format": FORMAT, "epoch": self.epoch, **self.facts}
            _write(partial / STATE, json.dumps(state, indent=1, allow_nan=False).encode())
            _sync_folder(partial)
            partial.rename(final)
            _sync_folder(folder)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            before = latest(folder)
            kept = f"{before.name} stays" if before else "there was none before"
            raise StoreError(
                f"the checkpoint of epoch {self.epoch} must be written to {folder}, but: {error.strerror or error}; "
                f"{kept}; make room or mend the folder, then start again"
            ) from error
        for old in folder.glob("checkpoint-*"):
            if old != final:
                shutil.rmtree(old, ignore_errors=True)
        return final

    @classmethod
    def read(cls, path: Path) -> Checkpoint:
        """The checkpoint in a folder that `latest` or `write` returned; `StoreError` when it is damaged."""
        try:
            state = json.loads((path / STATE).read_bytes())
            if state["format"] != FORMAT:
                raise ValueError(f"its format is {state['format']}, this version reads {FORMAT}")
            averaged = path / AVERAGED
            return cls(
                epoch=state["epoch"],
                weights=safetensors.torch.load((path / WEIGHTS).read_bytes()),
                averaged=safetensors.torch.load(averaged.read_bytes()) if averaged.exists() else None,
                optimizer=torch.load(path / OPTIMIZER, map_location="cpu", weights_only=True),
                facts={key: value for key, value in state.items() if key not in ("format", "epoch")},
            )
        except (OSError, ValueError, KeyError, RuntimeError, EOFError, safetensors.SafetensorError) as error:
            raise StoreError(f"{path} must be a whole checkpoint, but {error}; remove it to train anew") from error


def latest(folder: Path) -> Path | None:
    """The newest checkpoint of a trial's folder, None when there is none; unfinished ones do not count."""
    found = [path for path in folder.glob("checkpoint-*") if _NAME.fullmatch(path.name)]
    return max(found, key=lambda path: path.name, default=None)


def _storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies, because safetensors takes neither strided nor shared memory."""
    return {name: t.detach().cpu().clone(memory_format=torch.contiguous_format) for name, t in tensors.items()}


def _write(path: Path, data: bytes | memoryview) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
