"""What a training step of a network costs on this machine, and how it is computed fastest: measured and not guessed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import onednn
from .cores import Cores, parts_for
from .device import Compute, choose_compute, cpu_bf16, cpu_count, device_label, threads
from .layers import layer_table
from .preprocess import input_size
from .resnet import build
from .specs import ResNetSpec

LARGEST_BATCH = 32
LARGEST_SPLIT_BATCH = 64  # of fewer, a part is too small to be as fast as in training
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
    (seconds,) = _by_turns([_stepper(compute, spec, batch_size)], MOST_STEPS)
    return StepTime(statistics.median(seconds[1:] or seconds) / batch_size, batch_size, compute)


def fastest_compute(spec: ResNetSpec, batch_size: int, *, resize: int | None = None, in_parts: bool = True) -> Compute:
    """The preset on a GPU; on the CPU the precision that trains fastest, about a second's measurement.

    There batches are computed in parts side by side if they may be, which is no slower wherever it was measured.
    """
    preset = choose_compute(spec, resize=resize)
    if preset.device != "cpu":
        return preset
    ways = {name: replace(preset, precision=name) for name in (("bf16", "float32") if cpu_bf16() else ("float32",))}
    if in_parts:
        ways = {name: _split(way, batch_size) for name, way in ways.items()}
    speeds = dict(zip(ways, images_per_second(list(ways.values()), spec, batch_size, resize)))
    best = max(speeds, key=speeds.__getitem__)
    reason = f"{device_label()}: {best}"
    if len(speeds) > 1:
        slowest = min(speeds, key=speeds.__getitem__)
        reason += f", measured {speeds[best] / speeds[slowest]:.1f} times as fast as {slowest}"
    return replace(ways[best], reason=reason, images_per_second=speeds[best])


def _split(compute: Compute, batch_size: int) -> Compute:
    """Batches in parts side by side, and in bf16 in oneDNN's layout."""
    is_blocked = compute.precision == "bf16" and onednn.is_available()
    return replace(compute, parts=parts_for(batch_size, compute.threads), is_blocked=is_blocked)


def fewer_threads(compute: Compute, spec: ResNetSpec, batch_size: int, *, resize: int | None = None) -> Compute:
    """The same on one thread where that is clearly faster just now, as it is beside others that take the cores.

    With both figures measured now, whatever was measured before.
    """
    if compute.device != "cpu" or cpu_count() < 2:
        return compute
    alone = replace(compute, threads=1, parts=1)
    speeds = images_per_second([compute, alone], spec, batch_size, resize, most_steps=2)
    if speeds[1] < CLEARLY * speeds[0]:
        return replace(compute, images_per_second=max(speeds[0], compute.images_per_second or 0.0))
    times = speeds[1] / speeds[0]
    reason = f"{compute.reason}; one thread, {times:.1f} times as fast as {compute.threads} while others take the cores"
    return replace(alone, reason=reason, images_per_second=speeds[1])


def images_per_second(
    computes: list[Compute], spec: ResNetSpec, batch_size: int, resize: int | None = None, most_steps: int = 3
) -> list[float]:
    """What training `spec` in each of these ways gives: the quickest of a few steps of a few pictures.

    They take turns: a neighbour's moment of work must not fall on one of them alone.
    """
    most_parts = max(compute.parts for compute in computes)
    largest = min(batch_size, LARGEST_BATCH if most_parts == 1 else LARGEST_SPLIT_BATCH)
    batch_size = max(_trial_batch(spec, largest, resize), 2 * most_parts)
    shape = input_size(spec.input, resize)
    taken = _by_turns([_stepper(compute, spec, batch_size, shape) for compute in computes], most_steps)
    return [batch_size / min(seconds[1:] or seconds) for seconds in taken]


def _trial_batch(spec: ResNetSpec, largest: int, resize: int | None) -> int:
    macs = layer_table(spec, input_size(spec.input, resize)).total_macs
    return int(min(largest, max(2, TRIAL_MACS / macs)))


def _by_turns(steppers: list[Callable[[], float]], most_steps: int) -> list[list[float]]:
    """Seconds of each one's steps, at most about `LIMIT_SECONDS` each; the first includes what happens only once."""
    seconds: list[list[float]] = [[] for _ in steppers]
    while len(seconds[0]) <= most_steps and sum(map(sum, seconds)) < LIMIT_SECONDS * len(steppers):
        for taken, step in zip(seconds, steppers):
            taken.append(step())
    return seconds


def _stepper(
    compute: Compute, spec: ResNetSpec, batch_size: int, shape: tuple[int, int, int] | None = None
) -> Callable[[], float]:
    """-> one step of training without an update: its seconds"""
    cores = Cores(compute.place(build(spec, seed=0)), compute)
    pictures = torch.rand(batch_size, *(shape or spec.input), device=compute.device)
    labels = torch.zeros(batch_size, dtype=torch.long, device=compute.device)

    def learn(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with compute.autocast():
            loss = F.cross_entropy(network(compute.arrange(images)), labels)
        return loss, loss.detach()

    def step() -> float:
        with threads(compute.threads), torch.enable_grad():
            start = time.perf_counter()
            cores.backward(learn, pictures, labels).item()  # waits for the device
            return time.perf_counter() - start

    return step
