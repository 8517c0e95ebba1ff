"""Why a trial failed, in one line that fits a table."""

from __future__ import annotations

from nas.errors import NasError

LONGEST = 500


def reason_of(error: BaseException) -> str:
    """The message of an error on purpose; of any other also its type. Cut where it is very long."""
    text = " ".join(str(error).split())
    if not isinstance(error, NasError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
