"""Whether the server grows: an hour of a quiet class, with runs, and what the server holds meanwhile.

    python -m benchmarks.endurance [--people 6] [--seconds 3600]

Pupils look, start, stop, reload and classify every minute or two and poll the curves once a second. Memory, threads,
open files, processes and uploaded files are noted every half minute; the second quarter is compared with the last.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.classroom import MINUTES, Notes, Pupil, judge
from benchmarks.measure import report
from benchmarks.serving import Lab, serve

SAMPLE_SECONDS = 30.0
CLASS = 40  # whose turns are of 20 s, as the pupils ask for
PAUSE = (45.0, 150.0)


def watch(lab: Lab, people: int, seconds: float) -> tuple[Notes, list[dict[str, float]]]:
    """-> (what the pupils met, what the server held at each sample)"""
    notes, over, samples = Notes(), threading.Event(), []
    pupils = [
        threading.Thread(target=Pupil(lab, number, notes, over, seed=0, pause=PAUSE).live, daemon=True)
        for number in range(people)
    ]
    for pupil in pupils:
        pupil.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        over.wait(min(SAMPLE_SECONDS, max(0.0, end - time.monotonic())))
        samples.append(lab.holdings())
        print(" ".join(f"{name} {value:.0f}" for name, value in samples[-1].items()), flush=True)
    over.set()
    for pupil in pupils:
        pupil.join(60)
    return notes, samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3600.0)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as home,
        serve(Path(home), "--class", str(CLASS), "--minutes", str(MINUTES), "--teacher-token", "chalk") as lab,
    ):
        notes, samples = watch(lab, asked.people, asked.seconds)
        fate = judge(lab, notes)
    quarter = max(1, len(samples) // 4)
    rows: dict[str, object] = {
        "pupils, seconds": f"{asked.people}, {asked.seconds:g}",
        "what they did": ", ".join(f"{name} {count}" for name, count in sorted(notes.acts.items())),
        "runs; errors; lost, failed, stopped by others": f"{len(notes.started)}; {len(notes.errors)}; "
        f"{', '.join(map(str, fate.values()))}",
    }
    result: dict[str, object] = {"benchmark": "endurance", "runs": len(notes.started), "errors": len(notes.errors)}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        early, late = (statistics.median(part) for part in (values[quarter : 2 * quarter], values[-quarter:]))
        rows[name] = f"{early:.0f} in the second quarter, {late:.0f} in the last, {max(values):.0f} at most"
        result[name] = [round(early, 1), round(late, 1)]
    for error in notes.errors[:10]:
        print(error)
    report("Endurance", rows, {**result, **fate})


if __name__ == "__main__":
    main()
