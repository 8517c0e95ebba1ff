"""What may stand under a space's `scale`, and what makes a scaled network of a plan: a contract of whoever scales."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from nas.arch import FieldSpec, Plan
from nas.space.node import Node

Known = Mapping[str, Collection[Any] | None]  # the values that each key may have, None where only decisions tell


class Scaler(Protocol):
    """Scales decided networks. Implemented above the language and injected; it must be picklable."""

    @property
    def fields(self) -> Mapping[str, FieldSpec]:
        """The keys of `scale`, each a scalar."""
        ...

    def check(self, node: Node, known: Known) -> None:
        """Checks that the keys that are written go together. Raises `SpecError` at the one that does not."""
        ...

    def scale(self, plan: Plan, values: Mapping[str, Any]) -> Plan:
        """The scaled network, under the plan's own name and with its own training.

        The same for the same plan and values. Raises `InvalidArchitecture` where the network cannot be scaled so.
        """
        ...
