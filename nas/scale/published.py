"""Ladders as they were published: tables of factors where there is one, else the networks themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nas.errors import NasError
from nas.scale.factors import Factors


class NoRung(NasError):
    """A ladder has no rung of this number."""


@dataclass(frozen=True)
class Rung:
    """One network of a ladder: its name in the zoo, and how it follows from the base where a table says so.

    `phi` is what the formula would need to come near it, `side` the resolution in pixels.
    """

    network: str
    factors: Factors | None = None
    side: int | None = None
    dropout: float | None = None
    phi: float | None = None


@dataclass(frozen=True)
class Ladder:
    """A published ladder, from its base upwards."""

    name: str
    source: str
    rungs: tuple[Rung, ...]

    @property
    def base(self) -> str:
        """The name of the network that the factors are of."""
        return self.rungs[0].network

    @property
    def tabled(self) -> bool:
        """Whether it is a table of factors, which can be applied to any network."""
        return all(rung.factors is not None for rung in self.rungs)

    def rung(self, phi: float) -> Rung:
        """The rung of a number from 0. Raises `NoRung` for any other."""
        if phi != int(phi) or not 0 <= phi < len(self.rungs):
            raise NoRung(
                f"the published ladder {self.name} has rungs 0 to {len(self.rungs) - 1}, but phi is {phi:g}; "
                "--method formula takes any phi"
            )
        return self.rungs[int(phi)]


def _efficientnet() -> Ladder:
    """Width, depth, resolution, dropout and phi; B4 and up do not follow the formula."""
    rows = (
        (1.0, 1.0, 224, 0.2, 0), (1.0, 1.1, 240, 0.2, 0.5), (1.1, 1.2, 260, 0.3, 1), (1.2, 1.4, 300, 0.3, 2),
        (1.4, 1.8, 380, 0.4, 3), (1.6, 2.2, 456, 0.4, 4), (1.8, 2.6, 528, 0.5, 5), (2.0, 3.1, 600, 0.5, 6),
    )  # fmt: skip
    rungs = (
        Rung(f"efficientnet_b{number}", Factors(depth, width, side / 224), side, dropout, phi)
        for number, (width, depth, side, dropout, phi) in enumerate(rows)
    )
    return Ladder("efficientnet", "Tan and Le, EfficientNet (ICML 2019), as released", tuple(rungs))


def _lite() -> Ladder:
    """As EfficientNet, without squeeze and excitation; stem and head keep their width, the outer stages their depth."""
    rows = (
        (1.0, 1.0, 224, 0.2, 0),
        (1.0, 1.1, 240, 0.2, 0.5),
        (1.1, 1.2, 260, 0.3, 1),
        (1.2, 1.4, 280, 0.3, 2),
        (1.4, 1.8, 300, 0.3, 3),
    )
    ends, outer = frozenset({"stem", "head"}), frozenset({"s1", "s7"})
    rungs = [
        Rung(
            f"efficientnet_lite{number}",
            Factors(depth, width, side / 224, fixed_width=ends, fixed_depth=outer),
            side,
            dropout,
            phi,
        )
        for number, (width, depth, side, dropout, phi) in enumerate(rows)
    ]
    return Ladder("efficientnet_lite", "Liu, EfficientNet-Lite (2020), as released", tuple(rungs))


def _networks(name: str, source: str, *networks: str) -> Ladder:
    return Ladder(name, source, tuple(map(Rung, networks)))


LADDERS: Mapping[str, Ladder] = {
    ladder.name: ladder
    for ladder in (
        _efficientnet(),
        _lite(),
        _networks(
            "efficientnet_v2", "Tan and Le, EfficientNetV2 (ICML 2021)",
            "efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l",
        ),
        _networks(
            "resnet", "He et al., Deep Residual Learning (CVPR 2016)", "resnet50", "resnet101", "resnet152",
        ),
        _networks(
            "regnet_x", "Radosavovic et al., Designing Network Design Spaces (CVPR 2020)",
            "regnet_x_004", "regnet_x_016", "regnet_x_032", "regnet_x_080",
        ),
        _networks(
            "regnet_y", "Radosavovic et al., Designing Network Design Spaces (CVPR 2020)",
            "regnet_y_004", "regnet_y_016", "regnet_y_032", "regnet_y_080",
        ),
        _networks(
            "convnext", "Liu et al., A ConvNet for the 2020s (CVPR 2022)",
            "convnext_atto", "convnext_nano", "convnext_tiny", "convnext_small", "convnext_base", "convnext_large",
        ),
        _networks(
            "vit", "Dosovitskiy et al. (ICLR 2021); Ti and S: Touvron et al., DeiT (ICML 2021)",
            "vit_tiny_16", "vit_small_16", "vit_base_16", "vit_large_16",
        ),
        _networks("swin", "Liu et al., Swin Transformer (ICCV 2021)", "swin_tiny", "swin_small", "swin_base"),
        _networks(
            "coatnet", "Dai et al., CoAtNet (NeurIPS 2021)", "coatnet_0", "coatnet_1", "coatnet_2", "coatnet_3",
        ),
        _networks("maxvit", "Tu et al., MaxViT (ECCV 2022)", "maxvit_tiny", "maxvit_small", "maxvit_base"),
    )
}  # fmt: skip


def ladder_of(network: str, table: str | None = None) -> Ladder:
    """The ladder that starts at a network of this name, or that of a `table` of factors, for any network.

    Raises `NasError` where there is none.
    """
    if table is not None:
        tables = [name for name, ladder in LADDERS.items() if ladder.tabled]
        if table not in tables:
            raise NasError(f"the table of factors must be one of {', '.join(tables)}, but got '{table}'")
        return LADDERS[table]
    for ladder in LADDERS.values():
        if ladder.base == network:
            return ladder
        if any(rung.network == network for rung in ladder.rungs):
            raise NasError(
                f"a published ladder starts at its base, which for {network} is zoo/{ladder.base}; scale that one, or "
                "take another --method"
            )
    bases = ", ".join(f"zoo/{ladder.base}" for ladder in LADDERS.values())
    raise NasError(
        f"no ladder was published for {network}; those there are start at {bases}; --table efficientnet applies its "
        "factors to any network, --method formula takes alpha, beta and gamma"
    )
