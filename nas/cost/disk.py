"""The remembered costs on disk: one SQLite file that many processes read and write at once.

It is a cache and nothing else: whatever goes wrong with it is logged as a warning, once, and the process goes on with
its memory.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import random
import sqlite3
import threading
import time
import weakref
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from nas.arch import Block, Shape, SharedUse, shape_from_json, shape_to_json
from nas.cost.values import Cost, Dynamic

log = logging.getLogger(__name__)

BATCH = 256  # rows that wait to be written together
INTERVAL_S = 2.0  # ... or as long as this
KEPT_FINGERPRINTS = 4  # older codes' rows are removed
BUSY_S = 10.0  # how long to wait for another process that is writing

FORM = 4  # of the tables below; a file of another form is emptied
_CREATE = (
    "CREATE TABLE IF NOT EXISTS nas_fingerprints"
    " (id INTEGER PRIMARY KEY, fingerprint TEXT UNIQUE NOT NULL, used REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS nas_costs (fingerprint INTEGER NOT NULL, key BLOB NOT NULL, out_shape TEXT,"
    " params INTEGER, macs INTEGER, activations INTEGER, peak_bytes INTEGER, more TEXT, reason TEXT, path TEXT,"
    " PRIMARY KEY (fingerprint, key)) WITHOUT ROWID",
)
_DROP = ("DROP TABLE IF EXISTS nas_fingerprints", "DROP TABLE IF EXISTS nas_costs")


class Known(NamedTuple):
    """What is remembered of a block behind a shape: its output shape and costs, or why it cannot be built.

    `path` is the field at fault, where there is one; `shared` the shared parts that it uses.
    """

    out_shape: Shape | None
    cost: Cost | None
    reason: str | None = None
    path: str | None = None
    shared: tuple[SharedUse, ...] = ()


def key_of(block: Block, in_shape: Shape) -> bytes:
    """Sixteen bytes that name a block, all fields explicit, behind a shape."""
    return blake2b(f"{block.canonical}|{json.dumps(shape_to_json(in_shape))}".encode(), digest_size=16).digest()


class Disk:
    """Rows by key, of one fingerprint: what was written by another version of the code is not seen.

    A row is looked up when it is first asked for, so a large file costs nothing to open and what other processes add
    is seen. Writes are gathered and flushed in one transaction after `BATCH` rows, `INTERVAL_S` seconds, `flush`, or
    at exit; a process that is killed loses only those, and nothing is ever half written. Safe from many threads and
    processes, and after a fork.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        self.fingerprint = fingerprint
        self.broken: str | None = None
        self._lock = threading.RLock()
        self._pending: dict[bytes, Known] = {}
        self._flushed = time.monotonic()
        self._connection: sqlite3.Connection | None = None
        self._id = -1
        self._pid = os.getpid()
        _OPEN.add(self)

    def get(self, key: bytes) -> Known | None:
        with self._lock:
            if key in self._pending:
                return self._pending[key]
            connection = self._connect()
            if connection is None:
                return None
            try:
                row = connection.execute(
                    "SELECT out_shape, params, macs, activations, peak_bytes, more, reason, path FROM nas_costs"
                    " WHERE fingerprint = ? AND key = ?",
                    (self._id, key),
                ).fetchone()
                return _known(row) if row else None
            except (sqlite3.Error, ValueError, TypeError, IndexError) as error:
                self._give_up(error)
                return None

    def put(self, key: bytes, known: Known) -> None:
        with self._lock:
            if self.broken or (known.cost is not None and max(known.cost.values().values()) >= 1 << 62):
                return  # SQLite's integers have 64 bits
            self._pending[key] = known
            if len(self._pending) >= BATCH or time.monotonic() - self._flushed > INTERVAL_S:
                self.flush()

    def flush(self) -> None:
        """Write what waits; after an error it is dropped and the file is not used again."""
        with self._lock:
            connection = self._connect() if self._pending else None
            if connection is not None:
                rows = [(self._id, key, *_row(known)) for key, known in self._pending.items()]
                try:
                    with connection:
                        connection.executemany(
                            "INSERT OR REPLACE INTO nas_costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
                        )
                except sqlite3.Error as error:
                    self._give_up(error)
            self._pending.clear()
            self._flushed = time.monotonic()

    def close(self) -> None:
        with self._lock:
            self.flush()
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _connect(self) -> sqlite3.Connection | None:
        if self._pid != os.getpid():
            # A connection must not be used on both sides of a fork, nor closed on this one; the parent writes what
            # waited.
            self._pid, self._connection, self._pending = os.getpid(), None, {}
        if self._connection is None and not self.broken:
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=BUSY_S, check_same_thread=False, isolation_level="IMMEDIATE")
        try:
            _write_ahead(connection)
            connection.execute("PRAGMA synchronous = OFF")  # a lost row is counted anew
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                (form,) = connection.execute("PRAGMA user_version").fetchone()
                for statement in (*(() if form == FORM else _DROP), *_CREATE, f"PRAGMA user_version = {FORM}"):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO nas_fingerprints (fingerprint, used) VALUES (?, ?)"
                    " ON CONFLICT (fingerprint) DO UPDATE SET used = excluded.used",
                    (self.fingerprint, time.time()),
                )
                (self._id,) = connection.execute(
                    "SELECT id FROM nas_fingerprints WHERE fingerprint = ?", (self.fingerprint,)
                ).fetchone()
                old = connection.execute(
                    "SELECT id FROM nas_fingerprints ORDER BY used DESC LIMIT -1 OFFSET ?", (KEPT_FINGERPRINTS,)
                ).fetchall()
                connection.executemany("DELETE FROM nas_costs WHERE fingerprint = ?", old)
                connection.executemany("DELETE FROM nas_fingerprints WHERE id = ?", old)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_up(self, error: Exception) -> None:
        self.broken = str(error)
        self._pending.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        log.warning(
            "the table of costs %s cannot be used (%s): costs are kept in memory only and counted anew in the next run;"
            " delete or mend the file, or name another",
            self.path,
            error,
        )


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and a writer work at once.

    Two processes that switch a new file at the same moment would each wait for the other, so SQLite refuses one of
    them at once, whatever its timeout: it tries again.
    """
    until = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(random.uniform(0.001, 0.02))


_OPEN: weakref.WeakSet[Disk] = weakref.WeakSet()
_ABANDONED: list[sqlite3.Connection | None] = []


@atexit.register
def _close_all() -> None:
    for disk in list(_OPEN):
        disk.close()


def _row(known: Known) -> tuple[Any, ...]:
    if known.cost is None or known.out_shape is None:
        return (None, None, None, None, None, None, known.reason, known.path)
    shape = json.dumps(shape_to_json(known.out_shape), separators=(",", ":"))
    cost = known.cost
    more = None
    if cost.dynamic or known.shared:
        ways = cost.dynamic
        dynamic = ways and [ways.least, ways.expected, list(ways.shares), list(ways.keeping)]
        more = json.dumps([dynamic, [[use.name, use.params, use.made_of] for use in known.shared]])
    return (shape, cost.params, cost.macs, cost.activations, cost.peak_bytes, more, None, None)


def _known(row: tuple[Any, ...]) -> Known:
    shape, params, macs, activations, peak_bytes, more, reason, path = row
    if reason is not None:
        return Known(None, None, str(reason), path)
    dynamic, shared = json.loads(more) if more else (None, [])
    ranged = Dynamic(dynamic[0], dynamic[1], tuple(dynamic[2]), keeping=tuple(dynamic[3])) if dynamic else None
    cost = Cost(params, macs, activations, peak_bytes, ranged)
    return Known(shape_from_json(json.loads(shape)), cost, shared=tuple(SharedUse(*use) for use in shared))
