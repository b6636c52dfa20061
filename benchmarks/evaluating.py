"""How long the test takes: 10,000 Fashion-MNIST pictures with the shipped ResNet-20, class by class.

    python -m benchmarks.evaluating [--checkpoint resnet20-fashion-mnist] [--turns 5]

Beside it, by turns, the plain loop: the same network over a DataLoader with torchvision's transforms.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from torch.utils.data import DataLoader

from benchmarks.measure import in_turns, machine, machine_row, ratio, report, seconds
from benchmarks.throughput import PerImage
from resnet_demo.checkpoint import Checkpoint, open_checkpoint
from resnet_demo.datasets import load_data
from resnet_demo.evaluate import evaluate
from resnet_demo.imagesets import ImageSet

BATCH = 128


def plain_test(checkpoint: Checkpoint, data: ImageSet) -> Callable[[], float]:
    model = checkpoint.model.to(memory_format=torch.contiguous_format)
    loader = DataLoader(PerImage(data, augment=False), BATCH, num_workers=2, persistent_workers=True)

    @torch.no_grad()
    def work() -> int:
        return sum(int((model(images).argmax(1) == labels).sum()) for images, labels in loader)

    return lambda: seconds(work)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="resnet20-fashion-mnist")
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()
    ours = open_checkpoint(asked.checkpoint)
    data = load_data(ours.card["dataset"]).test
    plain, lab = in_turns(
        plain_test(open_checkpoint(asked.checkpoint), data), lambda: seconds(lambda: evaluate(ours, data)),
        turns=asked.turns,
    )  # fmt: skip
    told, times = machine(), ratio(plain, lab)
    rows = {
        f"plain loop, {len(data):,} pictures": f"{statistics.median(plain):.2f} s",
        "the lab's test": f"{statistics.median(lab):.2f} s, {times:.2f} times as fast",
        "machine": machine_row(told),
    }
    result = {"benchmark": "evaluating", "pictures": len(data), "ratio": round(times, 2)}
    result |= {"plain_seconds": round(statistics.median(plain), 2), "seconds": round(statistics.median(lab), 2)}
    report(f"Testing {asked.checkpoint}", rows, {**result, **told})


if __name__ == "__main__":
    main()
