"""The table of costs: each block behind each shape is built once, on the meta device, and remembered."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from nas import blocks
from nas.arch import Block, BlockSpec, Fields, FieldSpec, Plan, Shape, SharedUse, Step
from nas.blocks.sharing import sharing
from nas.cost.alike import representative
from nas.cost.count import run_block
from nas.cost.disk import Disk, Known, key_of
from nas.cost.fingerprint import fingerprint
from nas.cost.meta import OnMeta
from nas.cost.operators import Uncountable
from nas.cost.profile import held_bytes, profile
from nas.cost.values import Cost, Profile
from nas.errors import InvalidArchitecture, NasError


class CostTable:
    """The catalogue of all blocks (`nas.arch.Catalogue`) that also knows what each costs.

    A block never seen takes about 2 ms: it is built on the meta device, fused and run there once, which gives its
    output shape, its costs, or the reason why it cannot be built; all three are remembered, also for the blocks that
    differ only in activations which count alike. Afterwards it is one look-up. With a `path` they are remembered on
    disk too, for other processes and the next run. Safe to share between threads; a copy sent to another process
    starts with an empty memory and the same file.

    >>> from nas.arch import MapShape
    >>> table = CostTable()
    >>> block = Block("conv", table.resolve("conv", {"kernel": 3}), out=16, stride=2)
    >>> (step,) = table.place(block, MapShape(3, 32, 32))
    >>> str(step.out_shape), table.step(step).macs
    ('16x16x16', 110592)
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._disk = Disk(path, fingerprint()) if path is not None else None
        self._placed: dict[tuple[Block, Shape], tuple[Step, ...] | InvalidArchitecture] = {}
        self._known: dict[tuple[Block, Shape], Known] = {}
        self._uneven = False  # whether any block shares a part or does work that depends on the image
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[Any, ...]:
        return (CostTable, (self.path,))

    def names(self) -> Sequence[str]:
        return blocks.names()

    def block(self, name: str) -> BlockSpec:
        return blocks.block(name)

    def part_names(self, family: str) -> Sequence[str]:
        return blocks.part_names(family)

    def part(self, family: str, kind: str) -> Mapping[str, FieldSpec]:
        return blocks.part(family, kind)

    def resolve(self, name: str, fields: Mapping[str, Any]) -> Fields:
        return blocks.resolve(name, fields)

    def place(self, block: Block, in_shape: Shape) -> tuple[Step, ...]:
        """See `nas.arch.Catalogue.place`. The same objects come back each time."""
        placed = self._placed.get((block, in_shape))
        if placed is None:
            with self._lock:
                placed = self._placed.get((block, in_shape))
                if placed is None:
                    placed = self._place(block, in_shape)
                    self._placed[block, in_shape] = placed
        if isinstance(placed, InvalidArchitecture):
            raise InvalidArchitecture(placed.reason, path=placed.path)
        return placed

    def step(self, step: Step) -> Cost:
        """The cost of one step. Raises `InvalidArchitecture` when its block cannot stand behind its input shape."""
        known = self._known.get((step.block, step.in_shape))
        if known is None:
            with self._lock:
                known = self._look_up(step.block, step.in_shape)
        if known.cost is None:
            raise InvalidArchitecture(known.reason or "", path=known.path)
        return known.cost

    def plan(self, plan: Plan) -> Cost:
        """The cost of a network: sums, and the highest peak, what other steps' outputs hold meanwhile included."""
        params = macs = activations = peak = 0
        if plan.exits or self._uneven:
            return self.profile(plan).cost
        for step, held in zip(plan.steps, held_bytes(plan), strict=True):
            cost = self.step(step)
            params += cost.params
            macs += cost.macs
            activations += cost.activations
            if cost.peak_bytes + held > peak:
                peak = cost.peak_bytes + held
        return Cost(params, macs, activations, peak)

    def profile(self, plan: Plan) -> Profile:
        """The costs of a network and of each of its segments."""
        return profile(plan, [self.step(step) for step in plan.steps])

    def flush(self) -> None:
        """Write to disk what is not there yet."""
        if self._disk is not None:
            self._disk.flush()

    def close(self) -> None:
        """Write to disk what is not there yet, and let go of the file."""
        if self._disk is not None:
            self._disk.close()

    def __len__(self) -> int:
        return len(self._known)

    def _place(self, block: Block, in_shape: Shape) -> tuple[Step, ...] | InvalidArchitecture:
        try:
            adapters = blocks.adapters(block, in_shape)
        except InvalidArchitecture as error:
            return error
        steps: list[Step] = []
        for each in (*adapters, block):
            known = self._look_up(each, in_shape)
            if known.out_shape is None:
                return InvalidArchitecture(known.reason or "", path=known.path)
            out = known.out_shape.channels
            explicit = each if each.out == out else replace(each, out=out)
            self._known.setdefault((explicit, in_shape), known)
            inserted = len(steps) < len(adapters)
            steps.append(Step(explicit, in_shape, known.out_shape, (len(steps) - 1,), inserted, known.shared))
            in_shape = known.out_shape
        return tuple(steps)

    def _look_up(self, block: Block, in_shape: Shape) -> Known:
        known = self._known.get((block, in_shape))
        if known is None:
            counted = representative(block)
            known = self._recall(counted, in_shape) if counted is block else self._look_up(counted, in_shape)
            self._known[block, in_shape] = known
        return known

    def _recall(self, block: Block, in_shape: Shape) -> Known:
        key = key_of(block, in_shape) if self._disk is not None else b""
        known = self._disk.get(key) if self._disk is not None else None
        if known is None:
            known = learn(block, in_shape)
            if self._disk is not None:
                self._disk.put(key, known)
        if known.shared or (known.cost is not None and known.cost.dynamic is not None):
            self._uneven = True
        return known


def learn(block: Block, in_shape: Shape) -> Known:
    """Build a block on the meta device, fused, and run it: its output shape and costs, or why it cannot be built.

    Raises `NasError` that names the block when it is not the choice of fields but the block's code that is at fault:
    an operator nobody knows how to count, or something the meta device cannot do.
    """
    try:
        with OnMeta(), sharing() as pool:
            module = blocks.create(block, in_shape)
            blocks.fuse(module)
            for owned in pool.values():
                owned.module.eval()
        cost, out_shape = run_block(module, in_shape)
        if block.out not in (None, out_shape.channels):
            raise InvalidArchitecture(f"out must be {out_shape.channels}, but got {block.out}")
        if not pool:
            return Known(out_shape, cost)
        shared = tuple(SharedUse(name, _params(owned.module), owned.made_of) for name, owned in pool.items())
        params = cost.params + sum(use.params for use in shared)
        return Known(out_shape, replace(cost, params=params), shared=shared)
    except InvalidArchitecture as error:
        return Known(None, None, error.reason, error.path)
    except Uncountable as error:
        raise Uncountable(f"block '{block.type}' behind {in_shape} cannot be counted: {error}") from error
    except (RuntimeError, ValueError) as error:
        message = str(error).split("\n")[0]
        if isinstance(error, NotImplementedError) or "meta" in message.lower():
            raise NasError(
                f"block '{block.type}' must run on the meta device (no .item(), no branch on a value, every new"
                f" tensor with device=), but behind {in_shape} it gave: {message}; the block: {block.canonical}"
            ) from error
        # torch says no to these sizes: a kernel larger than the map, channels that do not divide into groups
        return Known(None, None, f"block '{block.type}' cannot stand behind {in_shape}: {message}")


def _params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
