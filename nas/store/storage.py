"""Opening an Optuna storage by URL, with its errors in words and without its messages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import optuna
import sqlalchemy
from optuna.storages import BaseStorage, RDBStorage, get_storage

from nas.errors import StoreError


def open_storage(url: str) -> BaseStorage:
    """An Optuna storage by URL; raises `StoreError` when it cannot be reached."""
    with _reaching(url), quiet():
        return get_storage(RDBStorage(url))


def check_storage(url: str) -> None:
    """Raises `StoreError` when there is no storage at a URL; makes nothing there. A file is only known to be named."""
    with _reaching(url):
        engine = sqlalchemy.create_engine(url)
        if engine.dialect.name != "sqlite":
            engine.connect().close()
        engine.dispose()


@contextlib.contextmanager
def _reaching(url: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # drivers of databases raise errors of their own
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise StoreError(
            f"the storage must be an Optuna storage URL that can be reached, but {_without_password(url)}: {reason}"
        ) from error


@contextlib.contextmanager
def storage_errors() -> Iterator[None]:
    """Turns what a database says (gone away, disk full) into a `StoreError`."""
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        raise StoreError(
            f"the storage must stay reachable and writable, but {error}; start again, everything finished is kept"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's messages about what it made."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _without_password(url: str) -> str:
    scheme, found, rest = url.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if found and "@" in rest else url
