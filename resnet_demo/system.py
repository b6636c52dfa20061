"""What a process that trains asks of the system. Without torch: its threads read their part when it is loaded."""

from __future__ import annotations

import ctypes
import os
import sys

# glibc's mallopt: the number of each setting and what it is set to in bytes, by the variable that sets it otherwise.
SETTINGS = {
    "MALLOC_TRIM_THRESHOLD_": (-1, 1 << 30),
    "MALLOC_TOP_PAD_": (-2, 64 << 20),  # as much as one of its heaps has, so that a thread's last one is not given back
    "MALLOC_MMAP_THRESHOLD_": (-3, 32 << 20),  # the highest it takes: larger blocks still come and go
}


def prepare_to_train() -> None:
    """Threads wait without spinning, and freed memory is kept for the next step. Call it before torch is loaded."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Whether the C library does so from now on; only glibc can be asked. What the environment sets stays.

    Left alone it returns memory that the next step of training takes again, page by page: up to 40,000 a step.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    ours = [setting for variable, setting in SETTINGS.items() if variable not in os.environ]
    return mallopt is not None and all([mallopt(*setting) for setting in ours])
