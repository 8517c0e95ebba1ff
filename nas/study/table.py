"""A recorded table of architectures: read and checked as a whole, then asked by decisions."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import DataError, nearest
from nas.space import Decision, Space
from nas.space.expression import Expression, ExpressionError, parse
from nas.study.config import EvaluatorSettings, StudyConfig

Numbers = npt.NDArray[np.float64]

ALL = 200_000  # so many architectures at most are looked up one by one when a table is opened; of more, a sample
SAMPLED = 1_000


@dataclass(frozen=True)
class Table:
    """The rows of a parquet file. `costs` and `epochs` hold an array a value, `seconds` those of one epoch.

    `rows` finds a row by its digits; `digits` are the decisions in their order.
    """

    path: Path
    digits: tuple[Decision, ...]
    rows: Mapping[str, int]
    costs: Mapping[str, Numbers]
    epochs: Mapping[int, Mapping[str, Numbers]]
    seconds: Numbers

    def row(self, decisions: Mapping[str, Any]) -> int:
        """The row of an architecture. Raises `DataError` where the table lacks it."""
        key = "".join(str(list(each.values).index(decisions[each.name])) for each in self.digits)
        found = self.rows.get(key)
        if found is None:
            raise DataError(_lacks(self.path, key, self.rows))
        return found

    def lines(self, row: int) -> Iterator[dict[str, float]]:
        """What training that architecture reports: a line for each number of epochs that the table has."""
        before = 0
        for epoch, values in self.epochs.items():
            numbers = {name: float(column[row]) for name, column in values.items()}
            yield {"epoch": epoch, **numbers, "seconds": float(self.seconds[row]) * (epoch - before)}
            before = epoch

    @property
    def constant(self) -> list[str]:
        """The values that are the same in every row."""
        last = self.epochs[max(self.epochs)]
        return [name for name, column in {**self.costs, **last}.items() if float(np.ptp(column)) == 0.0]


def open_table(config: StudyConfig, space: Space) -> Table:
    """The table of a study, checked against its space.

    Raises `SpecError` with the place in the study for a file that is no table, a column that it lacks, keys that are
    not unique or whose digits do not fit the space, architectures that it lacks, values that are no finite numbers, and
    names that mean something else.
    """
    settings = config.evaluator
    assert settings is not None
    path, at = Path(settings.table), "evaluator"
    config.told_at([at, "epochs"], partial(_check_reports, settings))
    columns = config.told_at([at, "table"], partial(_columns, path))
    digits = config.told_at([at, "digits"] if settings.digits else [at], partial(_digits, settings, space))
    rows = config.told_at([at, "key"], partial(_rows, path, columns, settings.key, digits))
    keys = list(rows)

    def numbers(place: Sequence[str | int], text: str) -> Numbers:
        return config.told_at([at, *place], partial(_numbers, path, columns, text, settings.key, keys))

    costs = {name: numbers(["costs", name], text) for name, text in settings.costs.items()}
    epochs = {
        epoch: {name: numbers(["epochs", str(epoch), name], text) for name, text in values.items()}
        for epoch, values in sorted(settings.epochs.items())
    }
    seconds = numbers(["seconds_per_epoch"], settings.seconds_per_epoch)
    if (least := float(seconds.min())) < 0:
        config.told_at([at, "seconds_per_epoch"], partial(_negative, path, keys[int(seconds.argmin())], least))
    return Table(path, digits, rows, costs, epochs, seconds)


def _check_reports(settings: EvaluatorSettings) -> None:
    if (least := min(settings.epochs)) < 1:
        raise DataError(f"epochs must be at least 1, but got {least}")
    for name in sorted({name for values in settings.epochs.values() for name in values}):
        if name in ("epoch", "seconds"):
            raise DataError(f"no value may be called '{name}', which every report has; choose another name")
        if name in settings.costs:
            raise DataError(f"'{name}' must be one of costs or what training reports, but is given as both")


def _negative(path: Path, key: str, least: float) -> None:
    raise DataError(f"seconds must not be negative, but {path} has {least:g} for {key}")


def _columns(path: Path) -> Mapping[str, Any]:
    """Every column of the file by its name, as Arrow reads it."""
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        raise DataError(f"the table must be a parquet file, but there is no file '{path}'; name it by --data FILE")
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} must be a parquet file, but it cannot be read: {error}") from error
    if table.num_rows == 0:
        raise DataError(f"{path} must have a row for each architecture, but has none")
    return dict(zip(table.column_names, table.columns, strict=True))


def _column(path: Path, columns: Mapping[str, Any], name: str) -> list[Any]:
    if name not in columns:
        raise DataError(f"{path} has no column '{name}'; {nearest(name, columns)}")
    found: list[Any] = columns[name].to_pylist()
    return found


def _digits(settings: EvaluatorSettings, space: Space) -> tuple[Decision, ...]:
    known = {decision.name: decision for decision in space.decisions}
    names = settings.digits or list(known)
    for name in names:
        if name not in known:
            raise DataError(f"'{name}' is no decision of {space.name}; {nearest(name, known)}")
    if missing := [name for name in known if names.count(name) != 1]:
        raise DataError(f"digits must name every decision of {space.name} once, but do not so for {', '.join(missing)}")
    for decision in known.values():
        if decision.when:
            raise DataError(
                f"every decision must always arise to have a digit, but {decision.name} only when {decision.when}"
            )
        if decision.continuous or len(decision.values) > 10:
            raise DataError(f"a decision must have at most ten values for a digit, but {decision.name} has more")
    return tuple(known[name] for name in names)


def _rows(path: Path, columns: Mapping[str, Any], key: str, digits: Sequence[Decision]) -> dict[str, int]:
    keys = _column(path, columns, key)
    rows: dict[str, int] = {}
    for row, text in enumerate(keys):
        fits = isinstance(text, str) and len(text) == len(digits)
        if not fits or not all(d in "0123456789"[: len(each.values)] for d, each in zip(text, digits, strict=True)):
            most = ", ".join(f"{each.name} 0 to {len(each.values) - 1}" for each in digits)
            raise DataError(
                f"column '{key}' of {path} must hold {len(digits)} digits ({most}), but row {row} has {text!r}"
            )
        if text in rows:
            raise DataError(
                f"column '{key}' of {path} must be unique, but rows {rows[text]} and {row} both have {text}"
            )
        rows[text] = row
    missing = [each for each in _expected(digits) if each not in rows]
    if missing:
        raise DataError(f"{_lacks(path, missing[0], rows)} ({len(missing):,} of those looked up are not there)")
    return rows


def _expected(digits: Sequence[Decision]) -> Iterator[str]:
    """The keys that the space may ask for: all, or a sample of very many."""
    places = [range(len(each.values)) for each in digits]
    if prod(map(len, places)) <= ALL:
        return ("".join(map(str, each)) for each in itertools.product(*places))
    rng = random.Random(0)
    return ("".join(str(rng.choice(place)) for place in places) for _ in range(SAMPLED))


def _lacks(path: Path, key: str, rows: Mapping[str, int]) -> str:
    near = min(rows, key=lambda other: sum(a != b for a, b in zip(key, other, strict=True)))
    return f"{path} must have every architecture of the space, but lacks {key}; the nearest that it has is {near}"


def _numbers(path: Path, columns: Mapping[str, Any], text: str, key: str, keys: Sequence[str]) -> Numbers:
    """The value of an expression for every row."""
    found = np.array(_evaluated(path, columns, text, len(keys)), dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"'{text}' must be a finite number in every row of {path}, but is not in {len(wrong):,} of "
            f"{len(found):,}; the first is row {first} ({key} {keys[first]})"
        )
    return found


def _evaluated(path: Path, columns: Mapping[str, Any], text: str, count: int) -> list[float]:
    if text in columns:
        return [_number(path, text, row, value) for row, value in enumerate(_column(path, columns, text))]
    expression: Expression = parse(text)
    names = sorted(expression.names)
    # A name that is missing ends in NaN, which is told as such.
    named = [[_number(path, name, i, v) for i, v in enumerate(_column(path, columns, name))] for name in names]
    values = []
    for row, numbers in enumerate(zip(*named, strict=True) if named else itertools.repeat((), count)):
        if not all(map(math.isfinite, numbers)):
            values.append(math.nan)
            continue
        try:
            values.append(float(expression.evaluate(dict(zip(names, numbers, strict=True)))))
        except (ExpressionError, TypeError, ValueError) as error:
            raise DataError(
                f"'{text}' must be a number in every row of {path}, but row {row} gives: {error}"
            ) from error
    return values


def _number(path: Path, name: str, row: int, value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        return float(value)
    raise DataError(f"column '{name}' of {path} must hold numbers, but row {row} has {value!r}")
