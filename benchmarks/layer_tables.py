"""The layer table of every model, made here and by torchinfo in one run: time, peak memory, and what each gets wrong.

    python -m benchmarks.layer_tables [--models resnet18 resnet152 ...] [--repeats 3]

Each model is a process of its own for each side, so that peaks are its own: Python, torch and torchinfo are loaded and
a first small table is made before anything is measured. Time is the median of `repeats` first tables (nothing
remembered), memory what the process has grown to at its peak since. Truth is torch's own: `sum(p.numel())`, hooks that
count every call, `torch.utils.flop_counter`. Needs torchinfo (tests/requirements.txt). Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIDES = ("lab", "torchinfo")
PEAK = """
import json, sys, threading, time, psutil, torch
from resnet_demo.specs import MODELS
name, repeats = sys.argv[1], int(sys.argv[2])
spec = MODELS[name]
process, peak, running = psutil.Process(), 0, True
def watch():
    global peak
    while running:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.001)
def measured(once):
    global running
    once(MODELS["resnet20"].adapted(num_classes=3))
    before, seconds = process.memory_info().rss, []
    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(repeats):
        start = time.perf_counter()
        made = once(spec.adapted(num_classes=spec.num_classes - number))
        seconds.append(time.perf_counter() - start)
        table = made if number == 0 else table
    running = False
    watcher.join()
    return table, seconds, max(0, peak - before)
"""
LAB = """
from resnet_demo.layers import layer_table
table, seconds, grown = measured(layer_table)
rows = table.rows
found = {"params": table.total_params, "macs": table.total_macs, "calls": len(rows),
         "additions": sum(row.type == "Add" for row in rows)}
from torch.utils.flop_counter import FlopCounterMode
from resnet_demo.layers import on_meta
model, calls = on_meta(spec), []
for module in model.modules():
    if not list(module.children()):
        module.register_forward_hook(lambda module, inputs, output: calls.append(type(module).__name__))
with torch.inference_mode(), FlopCounterMode(display=False) as counter:
    model(torch.empty(1, *spec.input, device="meta"))
truth = {"params": sum(p.numel() for p in model.parameters()), "macs": counter.get_total_flops() // 2,
         "calls": len(calls), "additions": calls.count("Add")}
print(json.dumps({"seconds": seconds, "grown": grown, "truth": truth, **found}))
"""
TORCHINFO = """
from torchinfo import summary
from resnet_demo.resnet import ResNet
def once(spec):
    model = ResNet(spec).eval()  # torchinfo runs the network: it needs its weights
    return summary(model, input_size=(1, *spec.input), verbose=0, depth=9, cache_forward_pass=False)
table, seconds, grown = measured(once)
leaves = [layer for layer in table.summary_list if layer.is_leaf_layer]
found = {"params": table.total_params, "macs": table.total_mult_adds, "calls": len(leaves),
         "additions": sum(layer.class_name == "Add" for layer in leaves)}
import torchvision
found["of_torchvision"] = None
if name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
    own = summary(torchvision.models.get_model(name), input_size=(1, *spec.input), verbose=0, depth=9)
    found["of_torchvision"] = sum(layer.class_name == "Add" for layer in own.summary_list)
print(json.dumps({"seconds": seconds, "grown": grown, **found}))
"""


def run(code: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=600)
    if done.returncode:
        raise SystemExit(f"{arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def wrong(found: dict[str, Any], truth: dict[str, Any]) -> dict[str, int]:
    """How far each number is from the truth, where it is not zero."""
    return {key: found[key] - truth[key] for key in truth if found[key] != truth[key]}


def compared(name: str, repeats: int) -> dict[str, Any]:
    sides = {side: run(PEAK + code, name, str(repeats)) for side, code in zip(SIDES, (LAB, TORCHINFO))}
    truth, seen = sides["lab"]["truth"], sides["torchinfo"]["of_torchvision"]
    others = {} if seen is None else {"additions of torchvision's class": seen - truth["additions"]}
    return {
        "model": name, "calls": truth["calls"],
        **{f"{side}_ms": round(1000 * statistics.median(found["seconds"]), 1) for side, found in sides.items()},
        **{f"{side}_mb": round(found["grown"] / 1e6, 1) for side, found in sides.items()},
        "lab_wrong": wrong(sides["lab"], truth), "torchinfo_wrong": wrong(sides["torchinfo"], truth) | others,
    }  # fmt: skip


def line(row: dict[str, Any]) -> str:
    def said(side: str) -> str:
        return ", ".join(f"{key} {by:+,}" for key, by in row[f"{side}_wrong"].items()) or "nothing"

    cells = (
        row["model"], row["calls"], row["lab_ms"], row["torchinfo_ms"], row["lab_mb"], row["torchinfo_mb"],
        said("lab"), said("torchinfo"),
    )  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from resnet_demo.specs import MODELS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=list(MODELS), metavar="MODEL")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    print(
        "| model | layers | lab, ms | torchinfo, ms | lab, MB | torchinfo, MB | lab is off by | torchinfo is off by |"
    )
    print("|---|--:|--:|--:|--:|--:|---|---|")
    rows = []
    for name in chosen.models:
        rows.append(compared(name, chosen.repeats))
        print(line(rows[-1]), flush=True)
    print(json.dumps({"benchmark": "layer_tables", "repeats": chosen.repeats, "rows": rows}))


if __name__ == "__main__":
    main()
