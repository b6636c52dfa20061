"""How long one waits for the lab: `--help`, and from `python app.py` to the first page.

    python -m benchmarks.startup [--turns 5]

Beside it, by turns: what Python alone takes, and what importing torch, torchvision and gradio takes. Files are in the
system's cache: the first turn warms it and is not counted.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import in_turns, report, seconds

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
ASK_EVERY_SECONDS = 0.02


def running(*words: str) -> Callable[[], float]:
    """-> a turn: seconds that `python words` takes"""

    def work() -> None:
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    return lambda: seconds(work)


def first_page() -> float:
    """Seconds from `python app.py` until GET / is answered whole."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as home:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        start = time.perf_counter()
        server = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port), "--data-home", home], cwd=ROOT,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1"},
        )  # fmt: skip
        try:
            _await_page(f"http://127.0.0.1:{port}/", start + PATIENCE)
            return time.perf_counter() - start
        finally:
            server.terminate()
            server.wait()


def _await_page(url: str, deadline: float) -> None:
    while time.perf_counter() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                answer.read()
                return
        except (urllib.error.URLError, OSError):
            time.sleep(ASK_EVERY_SECONDS)
    raise SystemExit(f"The server gave no page within {PATIENCE:.0f} s.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    python, told, imports, page = in_turns(
        running("-c", "pass"), running("-m", "resnet_demo", "--help"),
        running("-c", "import torch, torchvision, gradio"), first_page, turns=asked.turns,
    )  # fmt: skip
    over = statistics.median(mine - other for mine, other in zip(page, imports))
    helped = statistics.median(told)
    rows = {
        "python -m resnet_demo --help": f"{helped:.2f} s (python alone {statistics.median(python):.2f} s)",
        "importing torch, torchvision and gradio": f"{statistics.median(imports):.2f} s",
        "python app.py to the first page": f"{statistics.median(page):.2f} s, {over:+.2f} s on top of the imports",
    }
    report("Start", rows, {"benchmark": "startup", "help_seconds": round(helped, 3), "over_imports": round(over, 2),
           "imports": round(statistics.median(imports), 2), "page": round(statistics.median(page), 2)})  # fmt: skip


if __name__ == "__main__":
    main()
