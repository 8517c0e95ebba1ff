"""The layout of a results folder and the records in it; written by one driver, read by anybody."""

from nas.store.record import Record, Role, State
from nas.store.results import Results

__all__ = ["Record", "Results", "Role", "State"]
