"""Where the label of a mark covers the least of the others, in pixels with y downwards."""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]  # left, top, right, bottom
Point = tuple[float, float]  # the left end of a text and its base line


def beside(x: float, y: float, width: float) -> list[Point]:
    """Places for a text close to a mark at (x, y), the nicest first."""
    places = [(x + 11, y - 7), (x - 11 - width, y - 7), (x + 11, y + 15), (x - 11 - width, y + 15)]
    return [*places, (x - width / 2, y - 14), (x - width / 2, y + 24), (x - width - 11, y - 22), (x + 11, y - 22)]


def around(x: float, y: float, width: float) -> list[Point]:
    """Places further away, for a text that a line joins to its mark."""
    reach = [(dx, dy) for dy in (-26, 34, 60, 100, -60, 150) for dx in (30, 70, 120)]
    return [(left, y + dy) for dx, dy in reach for left in (x - dx - width, x + dx)]


def least_covered(places: Sequence[Point], width: float, taken: Sequence[Box], frame: Box) -> tuple[Point, Box]:
    """The place where a text stays inside the frame and overlaps the least, and the box that it fills there."""

    def covered(place: Point) -> float:
        box = text_box(place, width)
        sides = (frame[0] - box[0], frame[1] - box[1], box[2] - frame[2], box[3] - frame[3])
        return 1000 * sum(max(0.0, side) for side in sides) + sum(overlap(box, other) for other in taken)

    chosen = min(places, key=covered)
    return chosen, text_box(chosen, width)


def text_box(place: Point, width: float) -> Box:
    """What a text of about 12 px fills."""
    return place[0] - 2, place[1] - 11, place[0] + width + 2, place[1] + 4


def overlap(a: Box, b: Box) -> float:
    """The area that two boxes share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
