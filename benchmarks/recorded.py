"""Recorded tables: networks by a string of digits, with an error and perhaps a cost, and what some are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import moocore
import numpy as np
import pandas as pd

from nas.errors import NasError, nearest


class TableError(NasError):
    """A table cannot be searched."""


@dataclass(frozen=True)
class Table:
    """Networks by their digits, with error in percent and cost (or the error alone).

    `values` are (networks, objectives), all of which small is better; `choices` are the digits of each position.
    """

    rows: dict[str, int]
    values: np.ndarray
    choices: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, path: Path, arch: str, accuracy: str, cost: str | None = None) -> Table:
        """Raises `TableError`."""
        try:
            frame = pd.read_parquet(path)
        except FileNotFoundError as error:
            raise TableError(f"{path} must be a parquet file, but there is no such file") from error
        except (OSError, ValueError) as error:
            raise TableError(f"{path} must be a parquet file, but {error}") from error
        columns = [accuracy] if cost is None else [accuracy, cost]
        for column in (arch, *columns):
            if column not in frame:
                raise TableError(f"{path} has no column '{column}'; {nearest(column, map(str, frame.columns))}")
        texts = [str(each) for each in frame[arch]]
        if not texts:
            raise TableError(f"{path} must have a row for each network, but has none")
        width = len(texts[0])
        for row, text in enumerate(texts):
            if len(text) != width or not (text.isascii() and text.isdigit()):
                must = f"'{arch}' must be digits, one decision a digit, and as many in each row"
                raise TableError(f"{path}: {must}, but row {row} has '{text}'")
        rows: dict[str, int] = {}
        for row, text in enumerate(texts):
            if (first := rows.setdefault(text, row)) != row:
                must = f"'{arch}' must name each network once"
                raise TableError(f"{path}: {must}, but '{text}' is in row {first} and in row {row}")
        for column in columns:
            if not pd.api.types.is_numeric_dtype(frame[column]) or pd.api.types.is_bool_dtype(frame[column]):
                row = int(pd.to_numeric(frame[column], errors="coerce").isna().to_numpy().argmax())
                raise TableError(
                    f"{path}: '{column}' must hold numbers, but row {row} has {frame[column].tolist()[row]!r}"
                )
        values = frame[columns].to_numpy(float, copy=True)
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(wrong):
            where = f"row {wrong[0]} has {' and '.join(str(value) for value in values[wrong[0]])}"
            raise TableError(f"{path}: {' and '.join(map(repr, columns))} must be finite, but {where}")
        for column, least, most in zip(columns, values.min(axis=0), values.max(axis=0), strict=True):
            if least == most:
                must = f"'{column}' must differ from network to network"
                raise TableError(f"{path}: {must}, but is {least:g} in all {len(values)} rows")
        values[:, 0] = 100 - values[:, 0]
        choices = tuple(tuple(sorted(set(digits))) for digits in zip(*texts, strict=True))
        return cls(rows, values, choices)


def read_features(path: Path, arch: str, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """Numbers of networks by column and digits, NaN where there is none; of a file that `Table.read` has read.

    Raises `TableError`.
    """
    frame = pd.read_parquet(path)
    numbers = [str(name) for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    for column in columns:
        if column not in numbers:
            kind = "column of numbers" if column in frame else "column"
            raise TableError(f"{path} has no {kind} '{column}'; {nearest(column, numbers)}")
    texts = [str(each) for each in frame[arch]]
    return {column: dict(zip(texts, frame[column].astype(float).tolist(), strict=True)) for column in columns}


class Score:
    """What a set of networks is worth, by their rows; `reference` is the point up to which hypervolumes count."""

    def __init__(self, table: Table) -> None:
        self._values = table.values
        error, cost = table.values.T
        self.reference = np.array([np.percentile(error, 95), np.percentile(cost, 99.5)])
        self._whole = self._hypervolume(np.arange(len(error)))
        self._cheap = cost < np.percentile(cost, 30)
        if not self._whole or not self._cheap.any():
            must = "some networks must be below the 95th percentile of errors and the 99.5th of costs at once, and some"
            raise TableError(f"{must} below the 30th of costs, but none is: too few of them differ to be searched")
        self._best = error[self._cheap].min()

    def hypervolume(self, rows: Sequence[int]) -> float:
        """As a share of the exact front's."""
        return self._hypervolume(np.asarray(rows)) / self._whole

    def gap(self, rows: Sequence[int]) -> float:
        """Points of accuracy missing to the best cheap network; all of them where none is cheap."""
        cheap = [self._values[row, 0] for row in rows if self._cheap[row]]
        return float(min(cheap, default=100.0) - self._best)

    def _hypervolume(self, rows: np.ndarray) -> float:
        return float(moocore.hypervolume(self._values[rows], ref=self.reference))
