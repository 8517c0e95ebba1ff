"""Scores by `arch_id`, computed once: remembered in memory, and in a file that studies and processes share."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import nas
from nas.arch import Plan
from nas.cost.fingerprint import fingerprint
from nas.errors import StoreError
from nas.proxy.proxy import NoScore, Score
from nas.proxy.table import PROXIES, check_proxies
from nas.proxy.untrained import untrained
from nas.store.files import append_line, read_lines, writing
from nas.threads import threads

log = logging.getLogger(__name__)

Key = tuple[str, str]


class Scores:
    """What proxies say of networks. Safe to share between threads; a copy sent to another process reads the file anew.

    `folder` keeps them between runs: one file a version of the code that a score depends on, a line a score. An
    `arch_id` names input size and classes too. Whatever goes wrong with the file is logged once, and memory goes on.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._file = folder / f"scores-{version()}.jsonl" if folder is not None else None
        self._known: dict[Key, Score] | None = None
        self._lock = threading.RLock()

    def __reduce__(self) -> tuple[type[Scores], tuple[Path | None]]:
        return (Scores, (self.folder,))

    def known(self, arch_id: str, names: Iterable[str]) -> dict[str, Score]:
        """Those that are remembered."""
        with self._lock:
            remembered = self._remembered()
            return {name: remembered[arch_id, name] for name in names if (arch_id, name) in remembered}

    def of(self, plan: Plan, names: Iterable[str]) -> dict[str, Score]:
        """Every score of a network, computed where it is not known yet: tens of ms to seconds, by its MACs.

        Raises `NasError` for a name that is no proxy.
        """
        names = tuple(names)
        check_proxies(names)
        with self._lock:
            found = self.known(plan.arch_id, names)
            for name in names:
                if name not in found:
                    found[name] = self._computed(plan, name)
        return {name: found[name] for name in names}

    def _computed(self, plan: Plan, name: str) -> Score:
        key = (plan.arch_id, name)
        try:
            score = compute(plan, name)
        except (RuntimeError, ValueError) as error:  # what torch says no to, or has no memory for
            score = self._remembered()[key] = Score(None, f"it cannot be computed: {str(error).splitlines()[0]}")
            return score
        self._keep(key, score)
        return score

    def _remembered(self) -> dict[Key, Score]:
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[Key, Score]:
        found: dict[Key, Score] = {}
        try:
            lines = read_lines(self._file) if self._file is not None else []
        except StoreError as error:
            self._give_up(error)
            return found
        damaged = 0
        for line in lines:
            try:
                found[line["arch_id"], line["proxy"]] = Score.from_json(line)
            except (KeyError, TypeError, ValueError):
                damaged += 1
        if damaged:
            log.warning("%d lines of %s cannot be read: these scores are computed again", damaged, self._file)
        return found

    def _keep(self, key: Key, score: Score) -> None:
        self._remembered()[key] = score
        if self._file is None:
            return
        arch_id, name = key
        try:
            with writing(self._file.parent):
                self._file.parent.mkdir(parents=True, exist_ok=True)
            append_line(self._file, {"arch_id": arch_id, "proxy": name, **score.to_json()})
        except StoreError as error:
            self._give_up(error)

    def _give_up(self, error: StoreError) -> None:
        log.warning("scores of zero-cost proxies are not kept for the next run: %s", error)
        self._file = None


def compute(plan: Plan, name: str) -> Score:
    """One score, of a network that is built for it: neither random states nor anything else of the process changes."""
    began = time.thread_time()
    try:
        with threads(1):  # trainers beside are not disturbed, and numbers do not depend on how many there are
            value = PROXIES[name].compute(untrained(plan))
    except NoScore as error:
        return Score(None, str(error), 1000 * (time.thread_time() - began))
    return Score.of(value, 1000 * (time.thread_time() - began))


@cache
def version() -> str:
    """Sixteen hex digits that change with the code of proxies, blocks and building, and with torch."""
    digest = hashlib.blake2b(fingerprint().encode(), digest_size=8)
    package = Path(nas.__file__).parent
    for path in (package / "build.py", *sorted((package / "proxy").glob("*.py"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()
