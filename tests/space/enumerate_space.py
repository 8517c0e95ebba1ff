"""Every decision vector of a small space, by walking it with every answer: slow, and independent of any counting."""

from __future__ import annotations

from collections.abc import Iterator

from nas.errors import InvalidArchitecture
from nas.space import Decision, Decisions, Space
from nas.space.decisions import Label


def walks(space: Space) -> Iterator[Decisions]:
    """All that `space.walk` can give; a training decision has its first label always."""
    script: list[int] = []
    while True:
        widths: list[int] = []

        def draw(decision: Decision, script: list[int] = script, widths: list[int] = widths) -> Label:
            at = len(widths)
            widths.append(1 if decision.train else len(decision.values))
            return decision.values[script[at] if at < len(script) else 0]

        yield space.walk(draw)
        script += [0] * (len(widths) - len(script))
        del script[len(widths) :]
        while script and script[-1] + 1 == widths[len(script) - 1]:
            script.pop()
        if not script:
            return
        script[-1] += 1


def satisfying(space: Space) -> list[Decisions]:
    """The walks that decode or fail for another reason than a constraint."""
    found = []
    for decisions in walks(space):
        try:
            space.decode(decisions)
        except InvalidArchitecture as error:
            if error.path == "constraints":
                continue
        found.append(decisions)
    return found
