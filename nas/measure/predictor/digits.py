"""Networks written as a string of digits, one decision a digit, as in tables of released measurements."""

from __future__ import annotations

from collections import Counter

from nas.errors import NasError
from nas.measure.predictor.counts import COUNT, Counts

# Where stages begin and end is not known, but neighbours tend to be of one stage: digits are also counted in all
# windows of so many positions, where these are less than half of them.
WINDOWS = (3, 5, 9)


def count_digits(text: str, prior_ms: float | None = None) -> Counts:
    """The counts of one network: each digit in all, in windows of neighbouring positions, and at each position.

    Commas and blanks between the digits are left out. Raises `NasError` for anything else.
    """
    digits = text.translate(_SEPARATORS)
    if not digits or not (digits.isascii() and digits.isdigit()):
        raise NasError(f"an architecture must be a string of digits, one decision a digit, but got {text!r}")
    length = len(digits)
    levels: list[dict[str, float]] = [dict(Counter(f"{COUNT}:{digit}" for digit in digits))]
    windows = [width for width in WINDOWS if 2 * width < length]
    if windows:
        near: dict[str, float] = {}
        for width in windows:
            # A digit lies in `width` windows; together with the other widths its squares sum to two.
            amount = (2 / (width * len(windows))) ** 0.5
            for i, digit in enumerate(digits):
                for start in range(i - width + 1, i + 1):
                    name = f"{COUNT}:{width}@{start}/{digit}"
                    near[name] = near.get(name, 0.0) + amount
        levels.append(near)
    levels.append({f"{COUNT}:{i}/{digit}": 1.0 for i, digit in enumerate(digits)})
    return Counts(f"{length} digits", tuple(levels), prior_ms)


_SEPARATORS = str.maketrans("", "", ", \t")
