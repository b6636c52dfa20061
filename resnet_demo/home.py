"""Where the lab keeps what it downloads and trains, and how a file is replaced without ever being half there."""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from .errors import DiskFull

NO_ROOM = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


SPACE_DISK = Path("/data")  # of a Space that has rented one: all else there is gone when it sleeps


def home() -> Path:
    """The folder of `data/` and `runs/`: RESNET_DEMO_HOME, or the platform's user data folder. Not created here."""
    chosen = os.environ.get("RESNET_DEMO_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if os.environ.get("SPACE_ID") and SPACE_DISK.is_dir() and os.access(SPACE_DISK, os.W_OK):
        return SPACE_DISK / "resnet-demo"
    return platformdirs.user_data_path("resnet-demo", appauthor=False)


def is_passing(root: Path) -> bool:
    """Whether what lies under `root` is gone when this machine sleeps: a Space without a disk of its own."""
    return bool(os.environ.get("SPACE_ID")) and not Path(root).is_relative_to(SPACE_DISK)


def data_dir(root: Path | None = None) -> Path:
    """The folder of downloaded data sets under `root` (default: home)."""
    return Path(root or home()) / "data"


def runs_dir(root: Path | None = None) -> Path:
    """The folder of runs under `root` (default: home)."""
    return Path(root or home()) / "runs"


def write_atomically(path: Path, data: bytes | str) -> None:
    """`path` holds `data` (text as UTF-8), or exactly what it held before if anything goes wrong on the way.

    Raises: DiskFull when there is no room.
    """
    with replacing(path) as part:
        part.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to; it takes the place of `path` at the end, or vanishes after an exception.

    Raises: DiskFull when there is no room.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        _flush_to_disk(part)
        _replace(part, path)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFull(path=str(path)) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def _flush_to_disk(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _replace(part: Path, path: Path, patience_seconds: float = 2.0) -> None:
    # Windows refuses while another process has the old file open; readers here let go within milliseconds.
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            part.replace(path)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
