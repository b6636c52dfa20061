"""From an exception in the middle of a run to the sentence that its owner reads."""

from __future__ import annotations

import secrets

import torch

from ..errors import DiskFull, LabError, OutOfMemory, Unexpected
from ..home import NO_ROOM

NO_MEMORY = ("can't allocate memory", "out of memory", "not enough memory", "cannot allocate memory", "std::bad_alloc")
NO_SPACE = ("no space left on device", "os error 28", "not enough space on the disk")


def explain(error: BaseException, *, batch_size: int, path: str) -> tuple[LabError, str]:
    """The error as a sentence, and the run's stop reason: `out_of_memory` or `error`."""
    if isinstance(error, LabError):
        return error, "out_of_memory" if isinstance(error, OutOfMemory) else "error"
    if is_out_of_memory(error):
        return OutOfMemory(batch_size=batch_size, half=max(2, batch_size // 2)), "out_of_memory"
    if is_disk_full(error):
        return DiskFull(path=path), "error"
    return Unexpected(what=f"{type(error).__name__}: {error}"[:300], id=secrets.token_hex(3)), "error"


def is_out_of_memory(error: BaseException) -> bool:
    """Of memory on any device; torch says so in its own class on a GPU and only in words on the CPU."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in NO_MEMORY)


def is_disk_full(error: BaseException) -> bool:
    """A full disk, said by the system or by safetensors' own writer."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return True
    return any(words in str(error).lower() for words in NO_SPACE)
