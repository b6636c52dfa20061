"""What a newcomer waits for in the browser: first paint, tabs and the first answer, alone and while a run trains.

    python -m benchmarks.first_paint [--times 5] [--model resnet20]

Each page is opened in a Chromium profile of its own, so nothing comes from its cache. The answer is that of the shipped
network on the Classify tab, from the click on the tab.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import report
from benchmarks.serving import Lab, Visitor, serve
from scripts.chromium import ARGUMENTS, chromium_path

PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
GOAL_SECONDS = 2.5


def open_page(browser: Any, lab: Lab) -> tuple[float, float, float]:
    """-> (seconds until something was painted, until the tabs could be clicked, from such a click to an answer)"""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    start = time.perf_counter()
    page.goto(lab.url, wait_until="domcontentloaded")
    page.locator("#tab-train-button").wait_for()
    tabs = time.perf_counter() - start
    painted = page.wait_for_function(PAINTED).json_value() / 1000
    start = time.perf_counter()
    page.locator("#tab-classify-button").click()
    page.locator("#classify-bars li").first.wait_for()
    answered = time.perf_counter() - start
    context.close()
    return painted, tabs, answered


def several(browser: Any, lab: Lab, times: int) -> dict[str, float]:
    paints, tabs, answers = zip(*(open_page(browser, lab) for _ in range(times)))
    return {
        "paint": statistics.median(paints), "slowest_paint": max(paints), "tabs": statistics.median(tabs),
        "answer": statistics.median(answers), "slowest_answer": max(answers),
    }  # fmt: skip


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--model", default="resnet20")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as lab, sync_playwright() as session:
        browser = session.chromium.launch(executable_path=chromium_path(), args=list(ARGUMENTS))
        lab.await_calm()
        several(browser, lab, 1)
        alone = several(browser, lab, asked.times)
        visitor = Visitor(lab)
        visitor.poll()
        run = visitor.start(train_model=asked.model, train_length="180")
        while not lab.store.get(run).history().steps:
            time.sleep(0.1)
        beside = several(browser, lab, asked.times)
        still = lab.store.get(run).status().is_active
        visitor.stop(run)
        browser.close()
    words = {"paint": "first paint, median", "slowest_paint": "first paint, slowest", "tabs": "tabs there, median",
             "answer": "Classify's answer, median", "slowest_answer": "Classify's answer, slowest"}  # fmt: skip
    rows = {text: f"{alone[key]:.2f} s alone, {beside[key]:.2f} s beside a run" for key, text in words.items()}
    rows["a run in training throughout"] = "yes" if still else "NO: measure again"
    rows["goal beside a run"] = f"{GOAL_SECONDS} s"
    result = {"benchmark": "first_paint", "times": asked.times, "is_beside_a_run": still}
    result |= {f"{where}_{key}": round(value, 2) for where, found in (("alone", alone), ("beside", beside))
               for key, value in found.items()}  # fmt: skip
    report("From the address to the page", rows, result)


if __name__ == "__main__":
    main()
