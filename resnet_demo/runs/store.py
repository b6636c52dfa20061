"""A store is a folder of runs, found by ids that cannot lead out of it."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import DiskFull, RunRefused, UnknownRun
from .config import RunConfig, new_id
from .folder import Run

__all__ = ["Run", "RunStore"]

FOLDER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._()-]{0,98}[A-Za-z0-9_()-])?")
DELETED = ".deleted-"
NAMED_IN_ERRORS = 5


class RunStore:
    """The runs under `root` (the folder `runs/` of a home). Asking twice for a run gives the same object."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._lock = threading.Lock()
        self._known: dict[str, Run] = {}

    def create(self, config: RunConfig) -> Run:
        """A new run, its `config.json` written, under its id or, if that is taken, another one.

        Raises: DiskFull.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                (self.root / config.id).mkdir()
                break
            except FileExistsError:
                config = replace(config, id=new_id(config.spec.name))
        try:
            return self._remembered(Run.create(self.root / config.id, config))
        except DiskFull:
            (self.root / config.id).rmdir()
            raise

    def _remembered(self, run: Run) -> Run:
        with self._lock:
            return self._known.setdefault(run.id, run)

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises: UnknownRun, whatever else the id may try to be.
        """
        if isinstance(run_id, str) and FOLDER.fullmatch(run_id):
            run = self._known.get(run_id) or Run(self.root / run_id)
            if run.exists:
                return self._remembered(run)
        raise UnknownRun(name=str(run_id)[:100], known=[run.id for run in self.runs()[:NAMED_IN_ERRORS]])

    def runs(self) -> list[Run]:
        """All runs that can be opened, newest first."""
        found = []
        for path in self.root.iterdir() if self.root.is_dir() else ():
            if FOLDER.fullmatch(path.name):
                run = self._known.get(path.name) or Run(path)
                with suppress(RunRefused):
                    found.append((run.config.created, run.id, self._remembered(run)))
        return [run for *_, run in sorted(found, key=lambda row: row[:2], reverse=True)]

    def delete(self, run_id: str) -> None:
        """Removes a run and all its files, at once for everyone who looks.

        Raises: UnknownRun; RunRefused while it waits or is trained.
        """
        run = self.get(run_id)
        if run.status().is_active:
            raise RunRefused(run=run.id, action="be deleted", why="it is waiting or being trained; stop it first")
        gone = self.root / f"{DELETED}{secrets.token_hex(8)}"
        run.path.rename(gone)
        with self._lock:
            self._known.pop(run_id, None)
        shutil.rmtree(gone, ignore_errors=True)

    def sweep(self) -> None:
        """Removes what deletions that were cut short left behind."""
        for path in self.root.glob(f"{DELETED}*"):
            shutil.rmtree(path, ignore_errors=True)
