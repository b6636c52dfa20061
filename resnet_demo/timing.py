"""What a training step of a network costs on this machine, measured and not guessed."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch.nn import functional as F

from .device import Compute, choose_compute
from .layers import layer_table
from .resnet import build
from .specs import ResNetSpec

LARGEST_BATCH = 32
LIMIT_SECONDS = 2.0
TRIAL_MACS = 6e9  # of a trial batch's forward pass: a step of well under a second on two cores
MOST_STEPS = 8


@dataclass(frozen=True)
class StepTime:
    """Wall seconds of forward and backward pass for one picture, in batches of `batch_size`, at the natural input."""

    seconds_per_picture: float
    batch_size: int
    compute: Compute


@lru_cache(maxsize=64)
def step_time(spec: ResNetSpec) -> StepTime:
    """The median of a few steps after one to warm up, about two seconds in all; remembered for each network."""
    batch_size = int(min(LARGEST_BATCH, max(2, TRIAL_MACS / layer_table(spec).total_macs)))
    compute = choose_compute(spec, batch_size)
    with torch.enable_grad():
        seconds = _steps(spec, batch_size, compute)
    return StepTime(statistics.median(seconds[1:] or seconds) / batch_size, batch_size, compute)


def _steps(spec: ResNetSpec, batch_size: int, compute: Compute) -> list[float]:
    """Seconds of each step; the first includes what happens only once."""
    model = compute.place(build(spec, seed=0))
    pictures = compute.arrange(torch.rand(batch_size, *spec.input, device=compute.device))
    labels = torch.zeros(batch_size, dtype=torch.long, device=compute.device)
    seconds: list[float] = []
    while len(seconds) <= MOST_STEPS and sum(seconds) < LIMIT_SECONDS:
        start = time.perf_counter()
        with compute.autocast():
            loss = F.cross_entropy(model(pictures), labels)
        loss.backward()
        loss.item()  # waits for the device
        seconds.append(time.perf_counter() - start)
    return seconds
