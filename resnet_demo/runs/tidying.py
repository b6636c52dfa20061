"""Which runs a lab keeps: the newest ones, within a limit on disk space. Looked at when it starts and after each run.

No clock decides: a run goes when there are too many newer ones, not when it is old.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import LabFull, RunRefused, UnknownRun
from .folder import Run
from .store import RunStore

GIGABYTE = 1e9


@dataclass(frozen=True)
class Keeping:
    """Keeps the `newest` runs, `gigabytes` of them at most (None: no limit).

    Never removed are runs that wait, are trained or are needed by one that does, and, with `spares_own`, runs with a
    name of their own and the newest run of each person; they count towards both limits all the same. When only those
    are left and `gigabytes` are used up, no new run begins.
    """

    newest: int | None = 200
    gigabytes: float | None = 10.0
    spares_own: bool = True

    def superfluous(self, runs: Iterable[Run], needed: Container[str] = ()) -> list[Run]:
        """Of `runs`, newest first, those to be removed, oldest first."""
        gone, people, count, size = [], set(), 0, 0.0
        for run in runs:
            is_first, count, size = run.config.owner.id not in people, count + 1, size + size_of(run.path) / GIGABYTE
            people.add(run.config.owner.id)
            is_own = self.spares_own and (run.is_named or is_first)
            if self._is_within(count, size) or is_own or run.id in needed or run.status().is_active:
                continue
            gone.append(run)
        return gone[::-1]

    def check_room(self, runs: Iterable[Run]) -> None:
        """Raises: LabFull if `runs` take all the room there is for them."""
        if self.gigabytes is not None and sum(size_of(run.path) for run in runs) >= self.gigabytes * GIGABYTE:
            raise LabFull(gigabytes=f"{self.gigabytes:g}")

    def _is_within(self, count: int, size: float) -> bool:
        is_few = self.newest is None or count <= self.newest
        return is_few and (self.gigabytes is None or size <= self.gigabytes)


def tidy(store: RunStore, keeping: Keeping, needed: Container[str] = ()) -> list[str]:
    """Removes what `keeping` does not keep; the ids of the runs that went. What cannot be removed now stays."""
    gone = []
    for run in keeping.superfluous(store.runs(), needed):
        with suppress(OSError, RunRefused, UnknownRun):
            store.delete(run.id)
            gone.append(run.id)
    return gone


def size_of(folder: Path) -> int:
    """Bytes of the files right in a folder."""
    sizes = 0
    for path in folder.iterdir():
        with suppress(OSError):
            sizes += path.stat().st_size
    return sizes
