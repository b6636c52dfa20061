"""From the click on Start to the first point of the curve, with the spare worker warm and, once, without one.

Runs are timed ones of 30 s with the default recipe, whose precision and threads are measured before the first step;
each is stopped once its point is there.

python -m benchmarks.first_point [--times 5] [--model resnet20] [--dataset fashion-mnist]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.measure import report
from benchmarks.serving import Lab, Visitor, serve

ASK_EVERY_SECONDS = 0.05


def first_point(lab: Lab, model: str, dataset: str) -> tuple[float, float]:
    """-> (seconds from the click until the server has answered, and until the view has a step to show)"""
    visitor = Visitor(lab)
    visitor.poll()
    start = time.perf_counter()
    run = visitor.start(train_model=model, train_dataset=dataset, train_length="30")
    answered = time.perf_counter() - start
    while not lab.store.get(run).history().steps:
        time.sleep(ASK_EVERY_SECONDS)
    visitor.poll(run)
    shown = time.perf_counter() - start
    visitor.stop(run)
    while lab.store.get(run).status().is_active:
        time.sleep(0.2)
    return answered, shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--dataset", default="fashion-mnist")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as lab:
        cold = first_point(lab, asked.model, asked.dataset)[1]
        taken = []
        for _ in range(asked.times):
            lab.await_calm()
            taken.append(first_point(lab, asked.model, asked.dataset))
    answers, points = zip(*taken)
    rows = {
        "click answered, median": f"{statistics.median(answers):.2f} s",
        "first point shown, median and slowest": f"{statistics.median(points):.2f} s, {max(points):.2f} s",
        "right after the server's start, no spare yet": f"{cold:.2f} s",
    }
    result = {"benchmark": "first_point", "model": asked.model, "times": asked.times, "cold_seconds": round(cold, 2)}
    result |= {"median_seconds": round(statistics.median(points), 2), "slowest_seconds": round(max(points), 2)}
    report("From the click to the first point", rows, result)


if __name__ == "__main__":
    main()
