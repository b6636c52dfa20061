"""Who is training a run: a lock that the system lets go of when its holder ends, however it ends.

A process number in a file could be another process's by now; a lock cannot. Holders take it exclusively, askers share
it for a moment.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: BinaryIO, *, shared: bool) -> bool:
        try:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(file: BinaryIO, *, shared: bool) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


PATIENCE_SECONDS = 1.0  # an asker, or a process that is just being ended, lets go well within this


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """True while this process alone holds the lock; False (nothing held) if another one does."""
    with path.open("ab") as file:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (is_mine := _try_lock(file, shared=False)) and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            yield is_mine
        finally:
            if is_mine:
                _unlock(file)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock now."""
    try:
        with path.open("rb") as file:
            if not _try_lock(file, shared=True):
                return True
            _unlock(file)
            return False
    except OSError:
        return False
