"""What share of the decisions that a sampler drew it could not model, so that they fell back to chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.report.words import plural
from nas.store.record import Record

_MODELS_NOTHING = ("random", "RandomSampler")


@dataclass(frozen=True)
class Fallback:
    """`independent` of the `drawn` decisions of the networks that `sampler` proposed were drawn at random.

    Draws before a model begins, and proposals that are not the sampler's, do not count.
    """

    sampler: str
    drawn: int
    independent: int

    @property
    def share(self) -> float:
        return self.independent / self.drawn

    @property
    def words(self) -> str:
        part = "none" if not self.independent else f"{self.share:.1%}"
        return f"of {plural(self.drawn, 'decision')} that sampler {self.sampler} drew, {part} fell back to chance"


def fallback(records: Sequence[Record]) -> Fallback | None:
    """Of the candidates of a study; None where no sampler that models anything drew any, or an older study says not."""
    drawn = [r for r in records if r.role == "candidate" and r.origin.get("drawn")]
    drawn = [r for r in drawn if r.origin.get("by") not in _MODELS_NOTHING]
    if not drawn:
        return None
    return Fallback(
        str(drawn[0].origin["by"]),
        sum(r.origin["drawn"] for r in drawn),
        sum(r.origin.get("independent", 0) for r in drawn),
    )
