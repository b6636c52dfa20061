"""Which Chromium of this machine the browser tests, the benchmarks and the pictures are made with."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ARGUMENTS = (
    "--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
)  # fmt: skip


def chromium_path() -> str | None:
    """None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)
