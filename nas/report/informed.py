"""Whether a sampler used the scores of zero-cost proxies to tell what networks are worth, objective by objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.report.words import join, label, plural
from nas.store.record import Record


@dataclass(frozen=True)
class Informed:
    """Of `proposals` that `sampler` made with scores at hand, by how many each objective was told from them too.

    `last` says the same of the last proposal alone.
    """

    sampler: str
    proposals: int
    used: Mapping[str, int]
    last: Mapping[str, bool]

    @property
    def words(self) -> str:
        parts = join(self._part(name) for name in self.used)
        made = f"{plural(self.proposals, 'proposal')} that sampler {self.sampler} modelled with proxies' scores at hand"
        return f"of {made}, scores were learnt from, where they told better, for {parts}"

    def _part(self, name: str) -> str:
        if not self.used[name]:
            return f"{label(name)} in none"
        last = "the last one among them" if self.last[name] else "not in the last one"
        return f"{label(name)} in {self.used[name]:,} ({last})"

    def to_json(self) -> dict[str, Any]:
        return {
            "sampler": self.sampler,
            "proposals": self.proposals,
            "used": dict(self.used),
            "last": dict(self.last),
            "words": self.words,
        }


def informed(records: Sequence[Record]) -> Informed | None:
    """Of the candidates of a study; None where no model had scores to learn from, or an older study says not."""
    made = [r for r in records if r.role == "candidate" and r.origin.get("informed")]
    if not made:
        return None
    last = max(made, key=lambda record: record.trial).origin
    used = {name: sum(r.origin["informed"].get(name, False) for r in made) for name in last["informed"]}
    return Informed(str(last["by"]), len(made), used, dict(last["informed"]))
