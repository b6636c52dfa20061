"""A run's log of events on disk: one writer that only appends, any number of readers that follow it.

Every event is one write of one whole line, so that a kill tears at most the last one.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import DiskFull
from ..events import AT_A_STEP, History, RunStarted, TrainEvent, from_json, replay
from ..home import NO_ROOM
from .thinning import LongHistory, read_index, write_index

BLOCK_BYTES = 1 << 16
INDEX_EVERY_BYTES = 4 << 20


class EventWriter:
    """Appends events to a log, cuts a torn last line, and passes over what is already there for its step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("ab", buffering=0)
        cut_torn_line(path)
        self.has_started, self._step, self._kinds = _where_it_stands(path)

    def add(self, event: TrainEvent) -> bool:
        """Whether the event was written: not if the log has one of its kind for its step, or is past that step.

        Raises: DiskFull; the log then ends with its last whole line.
        """
        if self._is_there(event):
            return False
        self._append((event.to_json() + "\n").encode())
        self._note(event)
        return True

    def _is_there(self, event: TrainEvent) -> bool:
        if isinstance(event, AT_A_STEP):
            return event.step < self._step or (event.step == self._step and event.event in self._kinds)
        return isinstance(event, RunStarted) and self.has_started

    def _note(self, event: TrainEvent) -> None:
        if isinstance(event, RunStarted):
            self.has_started = True
        elif isinstance(event, AT_A_STEP):
            self._kinds = {event.event} | (self._kinds if event.step == self._step else set())
            self._step = event.step

    def _append(self, line: bytes) -> None:
        end = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(line) == len(line):
                return
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._file.truncate(end)
            if error.errno in NO_ROOM:
                raise DiskFull(path=str(self.path)) from error
            raise

    def sync(self) -> None:
        """Everything written so far is on the disk itself, before a saved state relies on it."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def cut_torn_line(path: Path) -> None:
    """Ends the file after its last whole line."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        position = end
        while position:
            start = max(0, position - BLOCK_BYTES)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position < end:
            file.truncate(position)


def lines_backwards(path: Path) -> Iterator[str]:
    """The lines of a text file, last one first, read in blocks."""
    with path.open("rb") as file:
        position = file.seek(0, os.SEEK_END)
        rest = b""
        while position:
            start = max(0, position - BLOCK_BYTES)
            file.seek(start)
            first, *others = (file.read(position - start) + rest).split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in reversed(others) if line.strip())
            position, rest = start, first
        if rest.strip():
            yield rest.decode("utf-8", "replace")


def _where_it_stands(path: Path) -> tuple[bool, int, set[str]]:
    """Whether the run has started, the last step in the log, and the kinds of event that are there for it."""
    last, has_started = -1, False
    kinds: set[str] = set()
    for event in replay(lines_backwards(path)):
        has_started = True
        if not isinstance(event, AT_A_STEP):
            continue
        if event.step < last:
            break
        last = event.step
        kinds.add(event.event)
    return has_started, last, kinds


class EventLog:
    """One log as all its readers in this process share it: parsed once, then followed from where it was left."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index = path.with_suffix(".index")
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._history = LongHistory()
        self._offset = self._indexed = 0
        self._is_new = True

    def history(self) -> History:
        """What the run has shown so far. Shared: look, do not change. Long runs keep a thinned curve."""
        with self._lock:
            self._follow()
            return self._history

    @property
    def version(self) -> int:
        """Grows with every event that `history` has taken in."""
        return self._offset

    def events(self) -> Iterator[TrainEvent]:
        """Every event in the log, in order, none thinned; a torn last line is left out."""
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8", errors="replace") as file:
            yield from replay(line for line in file if line.endswith("\n"))

    def _follow(self) -> None:
        try:
            size = self.path.stat().st_size
        except OSError:
            return
        if size < self._offset:
            self._reset()
        if self._is_new and size > INDEX_EVERY_BYTES:
            self._history, self._offset = read_index(self.index, self.path) or (LongHistory(), 0)
            self._indexed = self._offset
        self._is_new = False
        if size > self._offset:
            self._read_on()
        if self._offset - self._indexed > INDEX_EVERY_BYTES:
            self._indexed = self._offset
            write_index(self.index, self.path, self._history, self._offset)

    def _read_on(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                _take(self._history, line)


def _take(history: History, line: bytes) -> None:
    try:
        event = from_json(line.decode("utf-8", "replace"))
    except ValueError:
        return
    history.add(event)
