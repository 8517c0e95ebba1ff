"""How well zero-cost proxies, and plain counts of parameters and MACs, rank the networks that a study has trained."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.report.aims import Aims, Objective
from nas.report.importance import trained_candidates
from nas.report.rank_correlation import RankCorrelation, rank_correlation, surely_stronger
from nas.report.words import MINUS, join, label, opening, plural
from nas.store.record import Record

COSTS = ("params", "macs")
PLAIN = COSTS[0]  # what a proxy has to beat
TITLE = "Rank correlation with zero-cost proxies"
esc = html.escape


@dataclass(frozen=True)
class Ranking:
    """How one proxy ranks by one objective.

    So many `networks` have a score. `found` is None where they are too few to tell, or all alike. `beats` is whether
    the correlation is surely stronger than that of the number of parameters; None of costs, which a proxy is compared
    with.
    """

    proxy: str
    objective: str
    networks: int
    found: RankCorrelation | None
    beats: bool | None

    def to_json(self) -> dict[str, Any]:
        found = self.found
        return {
            "proxy": self.proxy,
            "objective": self.objective,
            "n": self.networks,
            "spearman": found.value if found else None,
            "low": found.low if found else None,
            "high": found.high if found else None,
            "beats_params": self.beats,
        }


def proxy_names(records: Sequence[Record]) -> list[str]:
    """Parameters and MACs, then every proxy that some record has a score of."""
    return [*COSTS, *dict.fromkeys(name for record in records for name in record.proxies)]


def score_of(record: Record, proxy: str) -> float | None:
    """What a proxy says of a network."""
    return record.values.get(proxy) if proxy in COSTS else record.proxies.get(proxy)


def rankings(records: Sequence[Record], aims: Aims) -> list[Ranking]:
    """Of every proxy and every objective, over the candidates trained to the end; not of a cost with itself."""
    done = trained_candidates(records, aims)
    return [
        _ranking(done, proxy, objective)
        for proxy in proxy_names(done)
        for objective in aims.objectives
        if proxy != objective.name
    ]


def _ranking(done: Sequence[Record], proxy: str, objective: Objective) -> Ranking:
    rows = [
        (score, plain, value)
        for record in done
        if (score := score_of(record, proxy)) is not None
        and (plain := score_of(record, PLAIN)) is not None
        and (value := objective.value(record)) is not None
    ]
    scores, counts, values = ([row[at] for row in rows] for at in range(3))
    found = rank_correlation(scores, values)
    beats = None if proxy in COSTS or found is None else surely_stronger(scores, counts, values)
    return Ranking(proxy, objective.name, len(rows), found, beats)


def ranking_table(found: Sequence[Ranking], aims: Aims) -> str:
    """A row a proxy, a column an objective: the correlation, its interval, and of how many networks."""
    by_place: Mapping[tuple[str, str], Ranking] = {(each.proxy, each.objective): each for each in found}
    names = [objective.name for objective in aims.objectives]
    head = "".join(f'<th scope="col" class="number">{esc(opening(label(name)))}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{esc(label(proxy))}</th>'
        + "".join(_cell(by_place.get((proxy, name))) for name in names)
        + "</tr>"
        for proxy in dict.fromkeys(each.proxy for each in found)
    )
    return f"""<div class="scroll" tabindex="0" role="region" aria-label="{TITLE}">
<table class="standings"><thead><tr><th scope="col">Proxy</th>{head}</tr></thead><tbody>{body}</tbody></table>
</div>"""


def _cell(ranking: Ranking | None) -> str:
    if ranking is None or ranking.found is None:
        return '<td class="number">\N{EN DASH}</td>'
    found = ranking.found
    bounds = f"[{_signed(found.low)}, {_signed(found.high)}], {plural(found.n, 'network')}"
    return f'<td class="number">{_signed(found.value)}<span class="interval">{bounds}</span></td>'


def ranking_words(found: Sequence[Ranking], aims: Aims) -> str:
    """Which proxies rank the first objective better than the number of parameters does, and which do not."""
    first = aims.first.name
    tried = [each for each in found if each.objective == first and each.found and each.beats is not None]
    plain = next((each.found for each in found if each.objective == first and each.proxy == PLAIN), None)
    if plain is None:
        return f"The trained networks do not tell how well anything ranks them by {label(first)}."
    said = f"With {label(first)} the number of parameters has a rank correlation of {_signed(plain.value)}"
    said += f" over {plural(plain.n, 'trained network')}"
    better = [_named(each, aims) for each in tried if each.beats and not _wrong_way(each, aims)]
    others = [_named(each, aims) for each in tried if not each.beats or _wrong_way(each, aims)]
    if not tried:
        return f"{said}. No zero-cost proxy was computed."
    if not better:
        return f"{said}; no proxy is shown to do better: {join(others)}."
    said += f"; {join(better)} {'does' if len(better) == 1 else 'do'} better"
    return f"{said}; {join(others)} {'is' if len(others) == 1 else 'are'} not shown to." if others else f"{said}."


def _named(ranking: Ranking, aims: Aims) -> str:
    assert ranking.found is not None
    wrong = ", the wrong way round" if _wrong_way(ranking, aims) else ""
    return f"{label(ranking.proxy)} ({_signed(ranking.found.value)}{wrong})"


def _wrong_way(ranking: Ranking, aims: Aims) -> bool:
    """Whether a proxy, of which large is meant to be good, prefers what is worse by the first objective."""
    return ranking.found is not None and (ranking.found.value < 0) == aims.first.maximize


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", MINUS)
