"""What a training step of a network costs on this machine, and how it is computed fastest: measured and not guessed."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch.nn import functional as F

from .device import Compute, choose_compute, cpu_bf16, cpu_count, device_label, threads
from .layers import layer_table
from .preprocess import input_size
from .resnet import build
from .specs import ResNetSpec

LARGEST_BATCH = 32
LIMIT_SECONDS = 2.0
TRIAL_MACS = 6e9  # of a trial batch's forward pass: a step of well under a second on two cores
MOST_STEPS = 8
CLEARLY = 1.1  # times as fast: what one thread must be to be taken before all of them


@dataclass(frozen=True)
class StepTime:
    """Wall seconds of forward and backward pass for one picture, in batches of `batch_size`, at the natural input."""

    seconds_per_picture: float
    batch_size: int
    compute: Compute


@lru_cache(maxsize=64)
def step_time(spec: ResNetSpec) -> StepTime:
    """The median of a few steps after one to warm up, about two seconds in all; remembered for each network."""
    batch_size = _trial_batch(spec, LARGEST_BATCH, None)
    compute = choose_compute(spec)
    seconds = _steps(spec, batch_size, compute)
    return StepTime(statistics.median(seconds[1:] or seconds) / batch_size, batch_size, compute)


def fastest_compute(spec: ResNetSpec, batch_size: int, *, resize: int | None = None) -> Compute:
    """The preset on a GPU; on the CPU the precision that trains fastest, about a second's measurement."""
    compute = choose_compute(spec, resize=resize)
    if compute.device != "cpu":
        return compute
    trials = {
        name: images_per_second(replace(compute, precision=name), spec, batch_size, resize)
        for name in (("bf16", "float32") if cpu_bf16() else ("float32",))
    }
    best = max(trials, key=trials.__getitem__)
    reason = f"{device_label()}: {best}"
    if len(trials) > 1:
        slowest = min(trials, key=trials.__getitem__)
        reason += f", measured {trials[best] / trials[slowest]:.1f} times as fast as {slowest}"
    return replace(compute, precision=best, reason=reason, images_per_second=trials[best])


def fewer_threads(compute: Compute, spec: ResNetSpec, batch_size: int, *, resize: int | None = None) -> Compute:
    """The same on one thread where that is clearly faster just now, as it is beside others that take the cores.

    With both figures measured now, whatever was measured before.
    """
    if compute.device != "cpu" or cpu_count() < 2:
        return compute
    alone = replace(compute, threads=1)
    speeds = [images_per_second(one, spec, batch_size, resize, most_steps=2) for one in (compute, alone)]
    if speeds[1] < CLEARLY * speeds[0]:
        return replace(compute, images_per_second=max(speeds[0], compute.images_per_second or 0.0))
    times = speeds[1] / speeds[0]
    reason = f"{compute.reason}; one thread, {times:.1f} times as fast as {compute.threads} while others take the cores"
    return replace(alone, reason=reason, images_per_second=speeds[1])


def images_per_second(
    compute: Compute, spec: ResNetSpec, batch_size: int, resize: int | None = None, most_steps: int = 3
) -> float:
    """What training `spec` in this way gives: the quickest of a few steps of at most 32 pictures."""
    batch_size = _trial_batch(spec, batch_size, resize)
    seconds = _steps(spec, batch_size, compute, input_size(spec.input, resize), most_steps)
    return batch_size / min(seconds[1:] or seconds)


def _trial_batch(spec: ResNetSpec, batch_size: int, resize: int | None) -> int:
    macs = layer_table(spec, input_size(spec.input, resize)).total_macs
    return int(min(LARGEST_BATCH, batch_size, max(2, TRIAL_MACS / macs)))


def _steps(
    spec: ResNetSpec, batch_size: int, compute: Compute, shape: tuple[int, int, int] | None = None,
    most_steps: int = MOST_STEPS,
) -> list[float]:  # fmt: skip
    """Seconds of each step; the first includes what happens only once."""
    model = compute.place(build(spec, seed=0))
    pictures = compute.arrange(torch.rand(batch_size, *(shape or spec.input), device=compute.device))
    labels = torch.zeros(batch_size, dtype=torch.long, device=compute.device)
    seconds: list[float] = []
    with threads(compute.threads), torch.enable_grad():
        while len(seconds) <= most_steps and sum(seconds) < LIMIT_SECONDS:
            start = time.perf_counter()
            with compute.autocast():
                loss = F.cross_entropy(model(pictures), labels)
            loss.backward()
            loss.item()  # waits for the device
            seconds.append(time.perf_counter() - start)
    return seconds
