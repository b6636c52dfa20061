"""What one viewer costs training: a run watched and unwatched by turns, under a server that is open all the time.

    python -m benchmarks.watching [--seconds 120] [--window 5]

The viewer asks for the curves once a second, as the page does, from a process on the same machine. Speeds are compared
window by window with their neighbours, so that a machine that becomes slower meanwhile counts for neither.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.measure import report
from benchmarks.serving import Lab, Visitor, serve

DATA = "fashion-mnist-small"


def speeds_since(lab: Lab, run_id: str, step: int) -> list[tuple[int, float]]:
    """-> (step, images a second) of each step after `step`, from the end of the log. Validations count for no step."""
    with (lab.store.root / run_id / "events.jsonl").open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 65_536))
        lines = [line for line in file.read().split(b"\n")[1:] if b'"event": "step"' in line and line.endswith(b"}")]
    steps = (json.loads(line) for line in lines)
    return [(one["step"], one["images_per_second"]) for one in steps if one["step"] > step]


def watch(visitor: Visitor, run_id: str, seconds: float) -> None:
    end, since = time.monotonic() + seconds, ""
    while time.monotonic() < end:
        _, answer = visitor.poll(run_id, since=since)
        since = answer[0]["version"] if answer and answer[0] else since
        time.sleep(1.0)


def by_turns(lab: Lab, run_id: str, seconds: float, window: float) -> list[tuple[bool, float]]:
    """-> (whether somebody watched, images a second) of each window."""
    visitor, windows, end = Visitor(lab, "viewer"), [], time.monotonic() + seconds
    step = speeds_since(lab, run_id, 0)[-1][0]
    while time.monotonic() < end:
        is_watched = len(windows) % 2 == 1
        if is_watched:
            viewer = threading.Thread(target=watch, args=(visitor, run_id, window))
            viewer.start()
        time.sleep(window)
        steps = speeds_since(lab, run_id, step)
        if steps:
            windows.append((is_watched, len(steps) / sum(1 / speed for _, speed in steps)))
            step = steps[-1][0]
    return windows


def cost(speeds: list[tuple[bool, float]]) -> tuple[float, float]:
    """-> (share of the speed that watching takes, its error), each watched window against its two neighbours."""
    losses = []
    for before, (is_watched, speed), after in zip(speeds, speeds[1:], speeds[2:]):
        if is_watched:
            losses.append(1 - speed / ((before[1] + after[1]) / 2))
    error = statistics.stdev(losses) / math.sqrt(len(losses)) if len(losses) > 1 else math.inf
    return statistics.fmean(losses), error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--window", type=float, default=5.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as lab:
        lab.await_calm()
        run = Visitor(lab).start(train_model="resnet20", train_dataset=DATA, train_length="steps", train_amount=100_000)
        while lab.store.get(run).history().step < 5:
            time.sleep(0.5)
        time.sleep(15)  # the next spare loads what it needs
        before = lab.cpu_seconds()[0]
        speeds = by_turns(lab, run, asked.seconds, asked.window)
        server = (lab.cpu_seconds()[0] - before) / asked.seconds
    share, error = cost(speeds)
    seen, unseen = ([speed for watched, speed in speeds if watched is kind] for kind in (True, False))
    rows = {
        "windows, seconds each": f"{len(speeds)}, {asked.window:g}",
        "images/s unwatched, watched (medians)": ", ".join(f"{statistics.median(kind):.0f}" for kind in (unseen, seen)),
        "watching takes": f"{share:.1%} of the speed (standard error {error:.1%})",
        "cores taken by the server": f"{server:.3f}",
    }
    result = {"benchmark": "watching", "windows": len(speeds), "share": round(share, 4), "error": round(error, 4)}
    report("One viewer", rows, {**result, "server_cpu": round(server, 3)})


if __name__ == "__main__":
    main()
