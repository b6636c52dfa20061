"""Answers to whole test sets, kept on disk by the contents of the checkpoint, so that a restart forgets none."""

from __future__ import annotations

import hashlib
import json
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..errors import DiskFull
from ..home import write_atomically

log = logging.getLogger("resnet_demo")
MOST_KEPT = 200  # files of some 120 kB


@lru_cache(maxsize=256)
def contents(path: str, mtime_ns: int, size_bytes: int) -> str:
    """The SHA-256 of a file, read anew only when its time or size changed."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def write(root: Path, token: str, about: dict[str, Any], predicted: torch.Tensor, confidence: torch.Tensor) -> None:
    """Keeps them; where the disk does not let it, they are only measured again the next time."""
    path = _path(root, token)
    try:
        write_atomically(path, save({"predicted": predicted, "confidence": confidence}, {"about": json.dumps(about)}))
        for old in sorted(path.parent.glob("*.safetensors"), key=lambda item: item.stat().st_mtime)[:-MOST_KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, DiskFull) as error:
        log.warning("The figures are not kept for the next start: %s", error)


def read(root: Path, token: str) -> tuple[dict[str, Any], torch.Tensor, torch.Tensor] | None:
    """(what was written with them, predicted, confidence), or None where there is nothing that can be read."""
    try:
        with safe_open(_path(root, token), framework="pt") as file:
            return json.loads(file.metadata()["about"]), file.get_tensor("predicted"), file.get_tensor("confidence")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _path(root: Path, token: str) -> Path:
    return root / "grades" / f"{token}.safetensors"
