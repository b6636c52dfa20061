"""How long a photo waits for its answer: predict() with an ImageNet network at 224 pixels, the file read included.

    python -m benchmarks.photo [--model resnet50] [--times 60] [--threads 1 2]

The weights are seeded, not torchvision's, which nothing here has to have: the time does not depend on them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from matplotlib import cbook

from resnet_demo import __version__, build_model
from resnet_demo.checkpoint import Checkpoint
from resnet_demo.imagenet import MEAN, NAME, STD, WEIGHTS
from resnet_demo.predict import classify
from resnet_demo.preprocess import Preprocess

TARGET_SECONDS = 0.120
WARM_UP = 5


def checkpoint_of(model: str) -> Checkpoint:
    """A checkpoint like torchvision's, with weights of our own."""
    weights = WEIGHTS[f"{model}-{NAME}"]
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (MEAN, STD))
    network = build_model(model, seed=0).eval().to(memory_format=torch.channels_last)
    return Checkpoint(network, Preprocess(mean, std).eval(), weights.card(), weights.name, Path(weights.file))


def measured(checkpoint: Checkpoint, photo: str, threads: int, times: int) -> dict[str, float]:
    torch.set_num_threads(threads)
    seconds = []
    for n in range(WARM_UP + times):
        began = time.perf_counter()
        classify(checkpoint, [photo])
        if n >= WARM_UP:
            seconds.append(time.perf_counter() - began)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return {"threads": threads, "median": round(statistics.median(seconds), 4), "p95": round(p95, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="resnet50", choices=[weights.model for weights in WEIGHTS.values()])
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    photo = str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    checkpoint = checkpoint_of(options.model)
    rows = [measured(checkpoint, photo, threads, options.times) for threads in options.threads]
    print("threads  median s    p95 s")
    for row in rows:
        print(f"{row['threads']:>7}  {row['median']:>8.3f}  {row['p95']:>7.3f}")
    versions = {"torch": torch.__version__, "lab": __version__}
    found = {"benchmark": "photo", "model": options.model, "times": options.times, "rows": rows, **versions}
    print(json.dumps({**found, "target_seconds": TARGET_SECONDS}))


if __name__ == "__main__":
    main()
