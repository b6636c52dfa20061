"""Checkpoints that visitors bring: kept under keys nobody can guess, and gone within the hour unless one is alone."""

from __future__ import annotations

import re
import secrets
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..brought import bring, keep
from ..checkpoint import has_card, open_checkpoint
from ..errors import CheckpointRefused
from ..home import replacing
from ..imagenet import weights_in
from .page import Lab
from .who import is_crowd

FOLDER, VISITORS = "imported", "brought-by-visitors"
KEPT_SECONDS = 2900.0
MOST_KEPT, MOST_BYTES = 200, 4_000_000_000
_KEY = re.compile(r"imported-[0-9a-f]{32}")


def folder(lab: Lab) -> Path:
    """Where they are; those of a lab that others reach are never taken for its owner's."""
    return lab.root / (VISITORS if is_crowd(lab) else FOLDER)


def path_of(lab: Lab, key: str) -> Path | None:
    """The file of that key, or None if the key is none of ours or the file is gone."""
    path = folder(lab) / f"{key}.safetensors"
    return path if _KEY.fullmatch(key) and path.is_file() else None


def keys(lab: Lab) -> list[str]:
    """What this lab's owner has brought, newest first; nothing where others can reach the lab."""
    if is_crowd(lab):
        return []
    found = sorted(folder(lab).glob("imported-*.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.stem for path in found]


def take(lab: Lab, path: Path, dataset: str = "", model: str = "", classes: tuple[str, ...] = (), **how: Any) -> str:
    """The key under which these weights are a checkpoint from now on.

    Raises: CheckpointRefused, UnknownDataset, InvalidOption, DiskFull.
    """
    tidy(lab)
    key = f"imported-{secrets.token_hex(16)}"
    kept = folder(lab) / f"{key}.safetensors"
    if weights_in(path):
        keep(kept, open_checkpoint(path))
    elif has_card(path):
        open_checkpoint(path)
        with replacing(kept) as part:
            shutil.copyfile(path, part)
    else:
        keep(kept, bring(path, dataset, model, classes, **how))
    if is_crowd(lab):
        timer = threading.Timer(KEPT_SECONDS, kept.unlink, kwargs={"missing_ok": True})
        timer.daemon = True
        timer.start()
    return key


def sweep(root: Path) -> list[int]:
    """Removes what visitors brought that has had its time, whichever server took it.  -> bytes of each that is left"""
    left = []
    for path in (root / VISITORS).glob("imported-*.safetensors"):
        with suppress(OSError):
            found = path.stat()
            if time.time() - found.st_mtime > KEPT_SECONDS:
                path.unlink(missing_ok=True)
            else:
                left.append(found.st_size)
    return left


def tidy(lab: Lab) -> None:
    """Makes room where others can reach the lab.

    Raises: CheckpointRefused where there is no room for more.
    """
    if not is_crowd(lab):
        return
    left = sweep(lab.root)
    if len(left) >= MOST_KEPT or sum(left) > MOST_BYTES:
        raise CheckpointRefused(
            path="This file", why="others have brought so many that there is no room; try again later"
        )
