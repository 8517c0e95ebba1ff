"""All decisions of a space, in the order in which they may arise, each with when it does."""

from __future__ import annotations

from nas.space.decisions import Decision, Label
from nas.space.forms import Network, Site, Stage
from nas.space.reach import Open, Reach, Use, reach

Atom = tuple[str, str, Label]  # a name, `>` or `==`, a value
When = tuple[Atom, ...]


def list_decisions(network: Network) -> tuple[Decision, ...]:
    """Every decision that some network of the space needs."""
    listing = _Listing()
    for form in (network.height, network.width, network.channels):
        listing.visit(reach(form, "stage"), None, ())
    listing.visit(reach(network.stem, "stage"), None, ())
    for stage in network.stages:
        listing.visit_stage(stage)
        listing.visit(reach(stage.exit, "stage"), None, ())
    listing.visit(reach(network.head, "stage"), None, ())
    of_structure = {*listing.sites}
    listing.visit(reach(network.scale, "stage"), None, ())
    of_network = {*listing.sites}
    listing.visit(reach(network.train, "stage"), None, ())
    only_train = {group.name for group in network.groups if group.only_train}
    return tuple(
        Decision(
            name,
            site.kind,
            site.labels,
            _said(listing.when[name]),
            site.train or (site.scope == "shared" and site.prefix in only_train),
            site.continuous,
            site.log,
            name in of_network and name not in of_structure,
        )
        for name, site in listing.sites.items()
    )


def stage_reach(stage: Stage) -> tuple[Reach, Reach]:
    """What is decided once a stage beside its repeat: for what carries its stride, and inside its blocks."""
    carrier = (
        *reach(stage.out, "stage"),
        *reach(stage.stride, "stage"),
        *reach(stage.downsample, "stage"),
    )
    return carrier, reach(stage.block, "stage")


def block_reach(stage: Stage, index: int) -> Reach:
    """What is decided for one block of a stage."""
    return (*reach(stage.out, "block", index), *reach(stage.block, "block", index))


class _Listing:
    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.when: dict[str, list[When]] = {}
        self._visiting: set[tuple[str, When]] = set()

    def visit_stage(self, stage: Stage) -> None:
        self.visit(reach(stage.repeat, "stage"), None, ())
        carrier, body = stage_reach(stage)
        some = () if stage.least else ((f"{stage.name}.repeat", ">", 0),)
        self.visit(carrier, None, some if stage.downsample is None else ())
        if not stage.most:
            return
        self.visit(body, None, some)
        for index in range(stage.most):
            when = () if index < stage.least else ((f"{stage.name}.repeat", ">", index),)
            self.visit(block_reach(stage, index), index, when)

    def visit(self, items: Reach, index: int | None, when: When) -> None:
        for item in items:
            if isinstance(item, Use):
                if item.group.form is not None and (item.group.name, when) not in self._visiting:
                    self._visiting.add((item.group.name, when))
                    self.visit(reach(item.group.form, "shared"), None, when)
                continue
            name = item.site.name(index)
            if isinstance(item, Open):
                self.sites.setdefault(name, item.site)
                self.when.setdefault(name, []).append(when)
            for label, inside in item.then.items():
                self.visit(inside, index, (*when, (name, "==", label)))


def _said(alternatives: list[When]) -> str | None:
    """Alternatives of conditions as one expression; one that another covers is left out."""
    kept: list[When] = []
    for when in dict.fromkeys(alternatives):
        if not any(_implies(when, other) for other in kept):
            kept = [other for other in kept if not _implies(other, when)] + [when]
    if () in kept:
        return None
    texts = [" and ".join(dict.fromkeys(map(_text, when))) for when in kept]
    return texts[0] if len(texts) == 1 else " or ".join(f"({text})" if " and " in text else text for text in texts)


def _implies(narrow: When, wide: When) -> bool:
    """Whether all of `wide` holds wherever all of `narrow` does."""
    return all(
        any(name == other and sign == its and (value == least or (sign == ">" and value >= least))  # type: ignore[operator]
            for other, its, value in narrow)
        for name, sign, least in wide
    )  # fmt: skip


def _text(atom: Atom) -> str:
    name, sign, label = atom
    said = ("true" if label else "false") if isinstance(label, bool) else label
    return f"{name} {sign} '{said}'" if isinstance(label, str) else f"{name} {sign} {said}"
