"""Training speed against the loop that everybody writes first, both on the same pictures, by turns.

    python -m benchmarks.throughput [--models resnet20,resnet56,resnet9,resnet18-cifar] [--turns 5]

The plain loop: float32, NCHW, a DataLoader with two workers, torchvision's per-image transforms (random crop, flip, to
tensor, normalise), SGD with momentum. Ours: the lab's own trainer with events, the same augmentation, model and batch.
Pictures are 3x32x32; what they show does not matter for speed. Each side has a process of its own, as how threads wait
and what becomes of freed memory are a process's settings: the plain loop's are those of Python, ours those of the lab.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from benchmarks.measure import in_turns, machine, machine_row, noise, ratio, report
from benchmarks.shares import training
from resnet_demo.events import Step
from resnet_demo.imagesets import Dataset as Pictures
from resnet_demo.imagesets import ImageSet
from resnet_demo.resnet import build
from resnet_demo.specs import find_model
from resnet_demo.state import TrainState
from resnet_demo.system import SETTINGS, keep_freed_memory
from resnet_demo.train import train

MODELS = {"resnet20": 12, "resnet56": 6, "resnet9": 6, "resnet18-cifar": 2}  # batches a turn
BATCH, PICTURES = 128, 6400  # full batches only, also of the nine tenths that are not for validation


class PerImage(Dataset):
    """Pictures as most data sets give them: one at a time, through torchvision's transforms."""

    def __init__(self, data: ImageSet, *, augment: bool = True) -> None:
        self.images = [transforms.functional.to_pil_image(image) for image in data.images]
        self.labels = data.labels
        channels, side, _ = data.images.shape[1:]
        steps = [transforms.RandomCrop(side, padding=4), transforms.RandomHorizontalFlip()] if augment else []
        last = [transforms.ToTensor(), transforms.Normalize((0.5,) * channels, (0.25,) * channels)]
        self.transform = transforms.Compose([*steps, *last])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), int(self.labels[index])


def plain_loop(name: str, data: ImageSet) -> Iterator[float]:
    """Each item is one step of the loop."""
    model = build(find_model(name), seed=0).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    loader = DataLoader(PerImage(data), BATCH, shuffle=True, num_workers=2, persistent_workers=True, drop_last=True)
    while True:
        for images, labels in loader:
            loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield loss.item()


def plain_turn(name: str, data: Pictures, batches: int) -> Callable[[], float]:
    """-> a turn of `batches`, which gives pictures a second"""
    steps = plain_loop(name, data.train)

    def turn() -> float:
        next(steps)
        start = time.perf_counter()
        for _ in range(batches):
            next(steps)
        return batches * BATCH / (time.perf_counter() - start)

    return turn


def lab_turn(state: TrainState, batches: int) -> Callable[[], float]:
    """-> a turn of `batches`, which gives pictures a second, validations left out"""
    events = train(state)

    def turn() -> float:
        speeds: list[float] = []
        while len(speeds) <= batches:
            event = next(events)
            if isinstance(event, Step):
                speeds.append(event.images_per_second)
        counted = speeds[1:]  # the first one's time ran on while others had their turn
        return len(counted) / sum(1 / speed for speed in counted)

    return turn


def take_turns(side: str, name: str) -> None:
    """What one side's process does: it says when it is ready and how it computes, then does a turn for every line."""
    data, batches, how = noise(PICTURES), MODELS.get(name, 4), "float32"
    if side == "lab":
        keep_freed_memory()
        state = training(name, data)
        how, turn = state.plan.compute.reason, lab_turn(state, batches)
    else:
        turn = plain_turn(name, data, batches)
    print(how, flush=True)
    for _ in sys.stdin:
        print(turn(), flush=True)


class Side:
    """One side in a process of its own, which waits while the other has its turn."""

    def __init__(self, side: str, name: str) -> None:
        kept = {key: value for key, value in os.environ.items() if key not in ("OMP_WAIT_POLICY", *SETTINGS)}
        self.side, chosen = side, {"OMP_WAIT_POLICY": "PASSIVE"} if side == "lab" else {}
        command = [sys.executable, "-m", "benchmarks.throughput", "--side", side, "--models", name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=kept | chosen
        )

    def __enter__(self) -> Side:
        self.how = self._hear()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    def turn(self) -> float:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self._hear())

    def _hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the side {self.side} ended with exit code {self.process.wait()}")
        return line.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--side", choices=("plain", "lab"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        take_turns(asked.side, asked.models)
        return
    rows, result = {}, {}
    for name in asked.models.split(","):
        with Side("plain", name) as one, Side("lab", name) as other:  # each is ready before the next one starts
            plain, ours = in_turns(one.turn, other.turn, turns=asked.turns)
        times = ratio(ours, plain)
        speeds = statistics.median(plain), statistics.median(ours)
        rows[name] = f"{speeds[0]:.0f} -> {speeds[1]:.0f} images/s, {times:.2f} times"
        result[name] = {"plain": round(speeds[0]), "ours": round(speeds[1]), "ratio": round(times, 2), "how": other.how}
    told = machine()
    report("Training at 3x32x32", {**rows, "machine": machine_row(told)}, {"benchmark": "throughput", **result, **told})


if __name__ == "__main__":
    main()
