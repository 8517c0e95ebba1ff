"""A search space around a network, as a file to edit: its numbers become choices, and the network stays inside.

The tree that is widened is the one the file says, so that names, vars and expressions stay. Values are proposed by the
field they stand in (`nas.study.widening`); what then cannot be built, alone or together with others, is left out.
"""

from __future__ import annotations

import json
import math
import random
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.arch import Plan
from nas.errors import NasError, SpecError
from nas.files import find_file, shipped
from nas.space import Decision, Decisions, Label, Space, decided_plan, load_space, network_tree
from nas.space.layout import laid_out
from nas.study.networks import find_network
from nas.study.spaces import catalogue, scaler
from nas.study.widening_tree import Proposal, propose

WALKS = 24  # networks in a row, drawn at random, that must all be buildable


@dataclass(frozen=True)
class Widened:
    """A space around a network: its text, the space itself, and the network's own decisions in it."""

    text: str
    space: Space
    decisions: Decisions


def widen_network(name: str) -> Widened:
    """The space around the network that `name` means (a YAML path, `zoo/NAME`, `STUDY:TRIAL`).

    Raises `NasError` where there is no such network, or where none of its values could be changed.
    """
    tree, plan = _opened(name)
    tree.pop("about", None)
    tree["name"] = f"around_{re.sub(r'[^A-Za-z0-9_.-]+', '_', plan.name)}"
    proposals, bare = propose(tree, catalogue(), math.prod(step.block.stride for step in plan.steps))
    space = _that_loads(tree, proposals)
    _drop_unbuildable(space, proposals)
    for node in bare:
        node.restore()
    space = _applied(tree, proposals)
    if not space.decisions:
        raise NasError(f"{name} has no value that could be changed: nothing to widen")
    own = {each.decision: each.label(each.value) for each in proposals}
    decisions = space.walk(lambda decision: own[decision.name])
    if space.decode(decisions).arch_id != plan.arch_id:
        raise NasError(f"the space around {name} must contain it, but does not; write the space by hand")
    return Widened(_text(name, tree, decisions, proposals), space, decisions)


def _opened(name: str) -> tuple[dict[str, Any], Plan]:
    """The whole tree of a network, and its plan; what it inherits and does not use is left out."""
    if ":" in name and not Path(name).exists():
        plan = find_network(name)
        return network_tree(plan), plan
    space = load_space(find_file(name, "search_spaces"), catalogue(), roots=[shipped("search_spaces")], scaler=scaler())
    return _without_unused(space.tree.plain()), decided_plan(space)


def _without_unused(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree without the inherited vars and defaults that nothing uses, which no file of its own may have."""
    while True:
        try:
            load_space(tree, catalogue(), scaler=scaler())
            return tree
        except SpecError as error:
            section, _, key = (error.path or "").partition(".")
            if section not in ("vars", "defaults") or key not in tree.get(section, {}):
                raise
            del tree[section][key]
            if not tree[section]:
                del tree[section]


def _loads(tree: Mapping[str, Any]) -> Space | None:
    try:
        return load_space(tree, catalogue(), scaler=scaler())
    except SpecError:
        return None


def _applied(tree: dict[str, Any], proposals: list[Proposal]) -> Space:
    for proposal in proposals:
        proposal.write()
    return load_space(tree, catalogue(), scaler=scaler())


def _that_loads(tree: dict[str, Any], proposals: list[Proposal]) -> Space:
    """The space of the proposals that the language allows where they stand, and that become a decision there."""
    for proposal in proposals:
        proposal.write()
    if _loads(tree) is None:
        for proposal in proposals:
            proposal.restore()
        for proposal in proposals:
            proposal.write()
            if _loads(tree) is None:
                proposal.give_up()
    space = _applied(tree, proposals)
    known = {decision.name for decision in space.decisions}
    for proposal in proposals:
        if proposal.decision not in known:
            proposal.give_up()
    proposals[:] = [proposal for proposal in proposals if len(proposal.options) > 1]
    return _applied(tree, proposals)


def _drop_unbuildable(space: Space, proposals: list[Proposal]) -> None:
    """Removes options until what is drawn at random can be built: first each alone, then together."""
    by_name = {proposal.decision: proposal for proposal in proposals}

    def builds(changed: Mapping[str, Any]) -> bool:
        def draw(decision: Decision) -> Label:
            proposal = by_name[decision.name]
            return proposal.label(changed.get(decision.name, proposal.value))

        return space.contains(space.walk(draw))

    for proposal in proposals:
        for option in proposal.others():
            if not builds({proposal.decision: option}):
                proposal.leave_out(option)
        proposal.keep_nearest()
    rng, built = random.Random(0), 0
    while built < WALKS:
        drawn = {proposal.decision: rng.choice(proposal.options) for proposal in proposals}
        if builds(drawn):
            built += 1
            continue
        built = 0
        name = _culprit(drawn, builds)
        by_name[name].leave_out(drawn[name])


def _culprit(drawn: Mapping[str, Any], builds: Callable[[Mapping[str, Any]], bool]) -> str:
    """The first change after which a network can no longer be built, changing one value after the other."""
    changed: dict[str, Any] = {}
    for name, option in drawn.items():
        changed[name] = option
        if not builds(changed):
            return name
    raise AssertionError("all changes together cannot be built")


def start_words(name: str) -> str:
    """What a study of the space around a network says to start at it."""
    quoted = name if re.fullmatch(r"[\w./:-]*\w", name) else json.dumps(name)
    return f"search: {{start: [{quoted}]}}"


def _tried(proposal: Proposal) -> str:
    others = ", ".join(str(proposal.label(option)) for option in proposal.left_out)
    return f"{proposal.decision} stays {proposal.label(proposal.value)} (tried: {others})"


def _text(name: str, tree: Mapping[str, Any], decisions: Decisions, proposals: Sequence[Proposal]) -> str:
    own = ", ".join(f"{key} {value}" for key, value in decisions.items())
    head = [
        f"A search space around {name}: edit it, look at it with nas space.",
        f"To try the network first, a study of this space says {start_words(name)}.",
        f"The network itself: {own}.",
    ]
    if as_they_were := [_tried(each) for each in proposals if len(each.options) == 1]:
        head.append(f"No other value that was tried can be built: {', '.join(as_they_were)}.")
    lines = [line for text in head for line in textwrap.wrap(text, 118, break_on_hyphens=False)]
    return "".join(f"# {line}\n" for line in lines) + laid_out(tree)
