"""What a meter can be asked to measure."""

from __future__ import annotations

from typing import Any, Protocol


class Measurable(Protocol):
    """An `Architecture`, a block alone, or whatever else the meter's builder makes a module of."""

    @property
    def arch_id(self) -> str:
        """What errors call it."""
        ...

    def to_json(self) -> dict[str, Any]:
        """What the measuring process is sent."""
        ...
