"""The section on the best network: drawn with its costs by stage, what it decided, what sets it apart, its origin."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from nas.report.aims import Aims, read_aims
from nas.report.differing import Difference, differences, distance
from nas.report.front import best, front
from nas.report.provenance import provenance
from nas.report.sections import figure_place, section
from nas.report.stages import COSTS, Stage, stages_of
from nas.report.standing import best_baseline
from nas.report.theme import LIGHT
from nas.report.words import label, network, opening, plural, quantity, reference, significant
from nas.store.record import Record

TITLE = "The best network"
esc = html.escape
# What is known of the blocks of a network: see `nas.study.stages.network_stages`.
Drawn = Mapping[str, Any]


def drawn_networks(records: Sequence[Record], study: Mapping[str, Any] | Aims) -> list[Record]:
    """The networks whose blocks the section needs: the best, the nearest to it on the front, the best baseline."""
    aims = read_aims(study)
    leader = best(records, aims)
    if leader is None:
        return []
    return [leader, *(other for other in (_nearest(leader, records, aims), best_baseline(records, aims)) if other)]


def best_section(
    records: Sequence[Record],
    aims: Aims,
    env: Mapping[str, Any],
    networks: Mapping[str, Drawn],
    data: dict[str, Any],
    *,
    searched: bool = False,
) -> str:
    """The section, empty where nothing met the budget; `networks` are by reference (`17`, `finalist/0`).

    `searched`: it is only the best of the search, for `nas finalize` has chosen another one since.
    """
    leader = best(records, aims)
    if leader is None:
        return ""
    drawn = networks.get(reference(leader), {})
    parts = [_drawn(drawn, f"{aims.name}:{reference(leader)}", data), _decided(leader)]
    near, known = _nearest(leader, records, aims), best_baseline(records, aims)
    others = [(near, "Beside the nearest on the front"), (known, "Beside the best baseline")]
    beside = [_beside(leader, other, title, networks) for other, title in others if other is not None]
    parts += ["<h3>What sets it apart</h3>", *beside] if beside else []
    rows = "".join(
        f'<tr><th scope="row">{esc(name)}</th><td>{esc(text)}</td></tr>'
        for name, text in provenance(leader, records, aims, env)
    )
    parts.append(f'<h3>How it came about</h3><table class="environment"><tbody>{rows}</tbody></table>')
    lead = f"{opening(network(leader))}: its blocks from the image to the classes, and what each stage costs."
    if searched:
        lead += " What nas finalize chose since, and put into best/, is told above."
    return section("best", f"{TITLE} of the search" if searched else TITLE, esc(lead), "".join(parts))


def _nearest(leader: Record, records: Sequence[Record], aims: Aims) -> Record | None:
    """The other network on the front that decided most alike."""
    others = [r for r in front(records, aims) if r is not leader and r.decisions]
    return min(others, key=lambda r: distance(leader, r), default=None) if leader.decisions else None


def _drawn(drawn: Drawn, name: str, data: dict[str, Any]) -> str:
    from nas.report.figures.stages import stages_figure

    rows = drawn.get("rows") or []
    if not rows:
        why = drawn.get("missing") or "its architecture is not there"
        return f'<p class="empty">The network cannot be drawn: {esc(str(why))}.</p>'.replace("..", ".")
    figure = stages_figure(rows, LIGHT)
    place = figure_place("stages-figure", figure, data, least_width=figure.layout.meta["least_width"])
    return place + _timing(drawn.get("measured"), name) + _table(stages_of(rows))


def _timing(measured: Mapping[str, Any] | None, name: str) -> str:
    if not measured:
        words = f"How long each stage takes was not measured: <code>nas measure {esc(name)} --stages</code> does."
        return f'<p class="lead">{words}</p>'
    where = f" On {measured['device']}, {str(measured.get('date') or '')[:10]}." if measured.get("device") else ""
    return f'<p class="lead">{esc(str(measured.get("stages_note") or "") + where)}</p>'


def _table(stages: Sequence[Stage]) -> str:
    names = [name for name in COSTS if any(name in stage.costs for stage in stages)]
    heads = ["Stage", "Blocks", "Output", *(opening(label(name)) for name in names)]
    head = "".join(f'<th scope="col"{_number(i > 2)}>{esc(text)}</th>' for i, text in enumerate(heads))
    body = "".join(
        f'<tr><th scope="row">{esc(stage.name)}</th><td>{esc(", ".join(stage.words))}</td><td>{esc(stage.output)}</td>'
        f"{''.join(_cost(stage, name) for name in names)}</tr>"
        for stage in stages
    )
    return f"""<details><summary>The same as a table</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Stages of the best network">
<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"""


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _cost(stage: Stage, name: str) -> str:
    share = f'<span class="interval">{significant(100 * stage.shares[name], 2)}%</span>' if name in stage.shares else ""
    return f'<td class="number">{quantity(name, stage.costs.get(name))}{share}</td>'


def _decided(leader: Record) -> str:
    if not leader.decisions:
        return ""
    rows = "".join(
        f"<div><dt>{esc(str(name))}</dt><dd>{esc(_word(value))}</dd></div>" for name, value in leader.decisions.items()
    )
    return f'<h3>What it decided</h3><dl class="facts-list">{rows}</dl>'


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _beside(leader: Record, other: Record, title: str, networks: Mapping[str, Drawn]) -> str:
    rows = [networks.get(reference(each), {}).get("rows") or [] for each in (leader, other)]
    found = differences(leader, other, (rows[0], rows[1]))
    if not found:
        return f"<p>{title}: {esc(network(other))} is the same in everything that is recorded.</p>"
    head = "".join(f'<th scope="col">{esc(text)}</th>' for text in ("", *map(opening, map(network, (leader, other)))))
    body = "".join(map(_difference, found))
    summary = f"{title}, {esc(network(other))}: {plural(len(found), 'difference')}"
    return f"""<details><summary>{summary}</summary><div class="scroll" tabindex="0" role="region" aria-label="{title}">
<table class="differences"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"""


def _difference(row: Difference) -> str:
    cells = "".join(f"<td>{esc(text)}</td>" for text in (row.first, row.second))
    return f'<tr><th scope="row">{esc(row.label)}</th>{cells}</tr>'
