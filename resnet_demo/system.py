"""What a process that trains asks of the system. Without torch: its threads read their part when it is loaded."""

from __future__ import annotations

import ctypes
import os
import sys

# glibc's mallopt: the number of each setting, and what it is set to in bytes.
TRIM_THRESHOLD = (-1, 1 << 30)
TOP_PAD = (-2, 64 << 20)
MMAP_THRESHOLD = (-3, 32 << 20)  # its highest


def prepare_to_train() -> None:
    """Threads wait without spinning, and freed memory is kept for the next step. Call it before torch is loaded."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Whether the C library does so from now on; only glibc can be asked.

    Left alone it returns memory that the next step of training takes again, page by page: up to 40,000 a step.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(*setting) for setting in (TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD)])
