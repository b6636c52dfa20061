"""How long one picture waits for its answer, the file read included, alone and beside a run that trains.

    python -m benchmarks.latency [--times 60]

ResNet-20 on a Fashion-MNIST picture and ResNet-50 on a photo at 224 pixels. ResNet-50's weights are seeded, not
torchvision's, which nothing here has to have: the time does not depend on them. How many threads answer is the lab's
own choice, as on the page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from matplotlib import cbook
from PIL import Image

from benchmarks.measure import machine, machine_row, quantile, report
from resnet_demo import build_model
from resnet_demo.checkpoint import Checkpoint, open_checkpoint
from resnet_demo.datasets import load_data
from resnet_demo.imagenet import MEAN, NAME, STD, WEIGHTS
from resnet_demo.predict import classify
from resnet_demo.preprocess import Preprocess

WARM_UP = 5
TARGET_MS = {("resnet20", False): 15, ("resnet50", False): 120, ("resnet20", True): 60, ("resnet50", True): 400}


def imagenet_like(model: str) -> Checkpoint:
    """A checkpoint like torchvision's, with weights of our own."""
    weights = WEIGHTS[f"{model}-{NAME}"]
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    network = build_model(model, seed=0).eval().to(memory_format=torch.channels_last)
    return Checkpoint(network, Preprocess(mean, std).eval(), weights.card(), weights.name, Path(weights.file))


def subjects(folder: Path) -> dict[str, tuple[Checkpoint, Path]]:
    """-> model: (checkpoint, picture)"""
    small = folder / "picture.png"
    Image.fromarray(load_data("fashion-mnist-small").test.images[0, 0].numpy()).save(small)
    photo = Path(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    return {
        "resnet20": (open_checkpoint("resnet20-fashion-mnist"), small),
        "resnet50": (imagenet_like("resnet50"), photo),
    }


def milliseconds(checkpoint: Checkpoint, picture: Path, times: int) -> list[float]:
    taken = []
    for _ in range(WARM_UP + times):
        began = time.perf_counter()
        classify(checkpoint, [picture])
        taken.append(1e3 * (time.perf_counter() - began))
    return taken[WARM_UP:]


@contextmanager
def training(home: Path) -> Iterator[None]:
    """A run of ResNet-20 in a process of its own, on all cores, as the page's runs are."""
    words = ["train", "--model", "resnet20", "--dataset", "fashion-mnist-small", "--seconds", "3600", "--json"]
    told = home / "events.jsonl"
    with told.open("w") as file:
        run = subprocess.Popen(
            [sys.executable, "-m", "resnet_demo", *words], stdout=file, stderr=subprocess.DEVNULL,
            env={**os.environ, "RESNET_DEMO_HOME": str(home)},
        )  # fmt: skip
    try:
        while '"event": "checkpoint"' not in told.read_text(encoding="utf-8"):
            if run.poll() is not None:
                raise SystemExit("The run beside it ended before it began.")
            time.sleep(0.2)
        yield
    finally:
        run.kill()
        run.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=60)
    asked = parser.parse_args()
    told = machine()
    rows: dict[str, str] = {}
    found: dict[str, float] = {}

    def measure(beside: bool) -> None:
        for model, (checkpoint, picture) in known.items():
            taken = milliseconds(checkpoint, picture, asked.times)
            key, p95 = f"{model}, {'beside a run' if beside else 'alone'}", quantile(taken, 0.95)
            rows[key] = f"median {statistics.median(taken):.1f} ms, p95 {p95:.1f} ms (aim {TARGET_MS[model, beside]})"
            found[key] = round(p95, 1)

    with tempfile.TemporaryDirectory() as folder:
        known = subjects(Path(folder))
        measure(beside=False)
        with training(Path(folder)):
            measure(beside=True)
    report("One picture", {**rows, "machine": machine_row(told)}, {"benchmark": "latency", "p95_ms": found, **told})


if __name__ == "__main__":
    main()
